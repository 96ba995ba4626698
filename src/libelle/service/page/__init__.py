"""The page for people: one HTML file, its style and modules in `static/`, and what it says in each language."""
