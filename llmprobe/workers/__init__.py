"""Engines in processes of their own, behind the same protocol."""
