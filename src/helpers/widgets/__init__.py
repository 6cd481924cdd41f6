"""Widgets for JupyterLab: browse clips, browse attention. Static figures say the same in print."""
