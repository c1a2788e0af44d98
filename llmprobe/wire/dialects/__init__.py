"""API dialects: two-way codecs, one file each, and their table."""
