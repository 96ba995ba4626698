"""Sweeps of hyper-parameters: reading one, and its report."""
