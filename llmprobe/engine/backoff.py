"""How long a user waits after a failure: pure."""

from llmprobe.core.outcome import Outcome
from llmprobe.core.seeding import unit

FIRST_S = 0.25
LONGEST_S = 10.0


def backoff_s(
    outcome: Outcome, *, failures: int, retry_after_s: float | None, seed: int, index: int
) -> float:
    """Seconds to wait after request `index` ended as the user's `failures`-th failure in a row.

    What the server asks for (`retry-after`) is obeyed. Else 250 ms, doubled with each failure up to 10 s, and
    spread over half to all of that (dice from `seed` and `index`), so that users don't come back as one.
    """
    if not outcome.failed:
        return 0.0
    if retry_after_s is not None:
        return retry_after_s
    longest = min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 1, 10))
    return longest * (0.5 + 0.5 * unit(seed, index))
