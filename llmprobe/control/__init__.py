"""Strategies that find the breaking point: step machines without clock, dice or I/O."""
