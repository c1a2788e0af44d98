"""A request to bytes, and bytes to stamped tokens."""
