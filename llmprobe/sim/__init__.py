"""A simulated LLM endpoint: the default target."""
