"""One run from scenario to result; both faces run through it."""
