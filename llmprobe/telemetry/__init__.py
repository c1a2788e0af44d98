"""Gauges of the probe itself."""
