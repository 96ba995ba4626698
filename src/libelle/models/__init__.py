"""Features in, probabilities out."""
