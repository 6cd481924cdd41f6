"""Helpers of the notebooks. Imports go down only; the README draws the floors."""
