"""What leaves this machine and what it may cost: said before the first request, and always capped."""

import msgspec

from llmprobe.core.scenario import Scenario, Stop
from llmprobe.core.target import host_of, is_loopback

UNASKED_MAX_REQUESTS = 500
UNASKED_MAX_USD = 1.0


def with_caps(scenario: Scenario) -> Scenario:
    """The scenario with the caps that a run off loopback has even if none was given."""
    if is_loopback(scenario.endpoint.url):
        return scenario
    stop = scenario.stop
    capped = Stop(
        duration_s=stop.duration_s,
        max_requests=stop.max_requests if stop.max_requests is not None else UNASKED_MAX_REQUESTS,
        max_usd=stop.max_usd if stop.max_usd is not None or scenario.prices is None else UNASKED_MAX_USD,
    )
    return msgspec.structs.replace(scenario, stop=capped)


def consent(scenario: Scenario, model: str, key_name: str | None, worst_usd: float | None) -> str | None:
    """What a person must agree to before the first request; None for a run that stays on this machine.

    `worst_usd` is what one request may cost at most, None where prices are unknown.
    """
    if is_loopback(scenario.endpoint.url):
        return None
    stop = scenario.stop
    key = f"the key in ${key_name}" if key_name else "no key"
    requests = (
        "requests without a cap" if stop.max_requests is None else f"at most {stop.max_requests} requests"
    )
    if worst_usd is None:
        cost = "What they cost is not known here: the scenario has no [prices]."
    else:
        most = min(
            (bound for bound in (stop.max_usd, _times(worst_usd, stop.max_requests)) if bound is not None),
            default=None,
        )
        cost = f"They cost up to ${worst_usd:.4g} each" + (
            f", ${most:.4g} in all." if most is not None else "."
        )
    limit = scenario.prompts.max_tokens
    tokens = f"up to {limit} output tokens each" if limit else "no output limit"
    where = host_of(scenario.endpoint.url)
    return f"This sends {requests} to {where} (model {model}, {key}, {tokens}). {cost}"


def _times(usd: float, count: int | None) -> float | None:
    return None if count is None else usd * count
