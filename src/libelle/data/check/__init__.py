"""One look at the data before any work: what was taken from the source, and what a person should know of it."""
