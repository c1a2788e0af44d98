"""Token counts as a server tells them with one answer: at its end, in parts, or for each choice."""

from msgspec.structs import asdict, replace

from llmprobe.wire.dialects.dialect import Usage

_MOST_TOKENS = 1 << 40
"""A count beyond it, or below 0, is a slip of the server, and no frame could carry it."""


class Counts:
    """Gathers what one answer tells."""

    def __init__(self) -> None:
        self._whole: Usage | None = None
        self._of: dict[int, Usage] = {}
        """By choice, where it stands beside one; forgotten when a word on the whole comes."""

    def take(self, usage: Usage, choice: int | None) -> None:
        """Counts of the whole answer, or of one choice."""
        usage = _credible(usage)
        if choice is None:
            self._whole = usage if self._whole is None else _later(self._whole, usage)
            self._of.clear()
        else:
            self._of[choice] = usage

    @property
    def total(self) -> Usage | None:
        """The server's last word; the sum over choices where it counted each; None before any."""
        if not self._of:
            return self._whole
        parts = list(self._of.values())
        if len(parts) == 1:
            return parts[0]
        return Usage(
            parts[-1].input_tokens,
            sum(part.output_tokens or 0 for part in parts),
            sum(part.reasoning_tokens or 0 for part in parts) or None,
            parts[-1].cached_tokens,
        )


def _credible(usage: Usage) -> Usage:
    """Without the counts that can't be."""
    slips = {name: None for name, value in asdict(usage).items() if value and not 0 < value <= _MOST_TOKENS}
    return replace(usage, **slips) if slips else usage


def _later(before: Usage, after: Usage) -> Usage:
    """What was told last of each count: some APIs tell them in parts."""
    told = {name: value for name, value in asdict(after).items() if value is not None}
    return replace(before, **told)
