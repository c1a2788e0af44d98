"""TOML to a Scenario and back, equal both ways."""
