"""How long a user waits after a failure: pure."""

from llmprobe.core.outcome import Outcome
from llmprobe.core.scenario import Retry
from llmprobe.core.seeding import unit

LONGEST_OBEYED_S = 86_400.0
"""A day, which no run outlasts: beyond it lie dates that no timer takes."""


def backoff_s(
    retry: Retry, outcome: Outcome, *, failures: int, retry_after_s: float | None, seed: int, index: int
) -> float:
    """Seconds to wait after request `index` ended as the user's `failures`-th failure in a row.

    What the server asks for is obeyed, unless the scenario says otherwise. Else it is the scenario's first
    wait, doubled with each failure up to its longest, and spread over half to all of that (dice from `seed`
    and `index`), so that users don't come back as one.
    """
    if not outcome.failed:
        return 0.0
    if retry_after_s is not None and retry.retry_after == "obey":
        return min(retry_after_s, LONGEST_OBEYED_S)
    longest_s = min(retry.longest_s, retry.first_s * 2.0 ** min(failures - 1, 30))
    return longest_s * (0.5 + 0.5 * unit(seed, index))
