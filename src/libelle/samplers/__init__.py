"""Which training rows a model sees, and how often."""
