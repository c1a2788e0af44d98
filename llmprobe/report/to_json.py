"""A result as result.json."""

import msgspec

from llmprobe.report.result import Result


def render(result: Result) -> str:
    """Indented, keys in the order of `Result`, a newline at the end; numbers at full precision."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"
