"""What a command's exit code means; the README's table says the same."""

PASSED = 0
FAILED = 1
"""An SLO, a gate or a comparison."""
USAGE = 2
ENDPOINT = 3
CAPPED = 4
"""Stopped by a safety cap: money, error share."""
REFUSED = 5
LOCAL = 6
INTERNAL = 70
SIGNAL = 128
"""Plus the signal's number: 130 and 143."""
