"""Prices, and what a request may cost."""
