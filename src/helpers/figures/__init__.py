"""Plotly figures, one definition each: tables and arrays in, figures out; nothing is computed."""
