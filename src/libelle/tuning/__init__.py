"""Hyper-parameter search: what libelle adds to the sweeper plugin."""
