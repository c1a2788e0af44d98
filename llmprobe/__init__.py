"""llmprobe finds how many concurrent users an LLM endpoint holds, by hand and by autopilot."""

__version__ = "0.1.0"
