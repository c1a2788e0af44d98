"""Prompts and conversations: reading, seeded sampling, token counting."""
