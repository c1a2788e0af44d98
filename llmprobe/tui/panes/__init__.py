"""The panes of the probe screen."""
