"""A report of finished runs, gathered from their folders alone: a web page, LaTeX and its files."""
