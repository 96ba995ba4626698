"""Where runs and models are kept."""
