"""Reports as single HTML files: what they share."""
