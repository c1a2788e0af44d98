"""What a text event of an endpoint is worth in tokens, by the usage that it told of whole answers."""

from llmprobe.core.record import RequestRecord

_ABOUT_ONE = (0.9, 1.1)
"""Counts that an end-of-text token, or an empty first event, puts beside one."""


class ChunkWorth:
    """Adds up finished requests; chunks are never called tokens."""

    def __init__(self) -> None:
        self._tokens = 0
        self._chunks = 0

    @property
    def known(self) -> bool:
        """Whether any answer was counted in tokens."""
        return self._chunks > 0

    @property
    def tokens_per_chunk(self) -> float:
        """1 until something is known."""
        return self._tokens / self._chunks if self._chunks else 1.0

    @property
    def tokens_in_chunk(self) -> float:
        """The same, but 1 where it is about that: the figure that gaps between tokens are split by."""
        low, high = _ABOUT_ONE
        return 1.0 if low <= self.tokens_per_chunk <= high else max(1.0, self.tokens_per_chunk)

    def add(self, record: RequestRecord) -> None:
        """Take in an answer; tokens that were thought unseen came in no chunk."""
        if record.token_source in {None, "estimate"} or not record.output_tokens or not record.text_chunks:
            return
        unseen = (record.reasoning_tokens or 0) if record.ttfo_s == record.ttft_s else 0
        self._tokens += max(0, record.output_tokens - unseen)
        self._chunks += record.text_chunks
