"""What the endpoint dialog can offer: endpoints by name, and the models that one serves.

Each takes up to seconds and blocks meanwhile: call it in a thread beside the screen.
"""

import asyncio
from collections.abc import Iterable

from llmprobe.core.errors import ScenarioError
from llmprobe.core.offer import Offer, Offers
from llmprobe.core.scenario import Scenario
from llmprobe.core.target import is_sim
from llmprobe.session.opening import key_of
from llmprobe.session.reach import models_of


def find_offers() -> Offers:
    """Those in the user's endpoints.toml, and those that answer on this machine."""
    # What reads files and asks ports is none of a screen's business until it is wanted.
    from llmprobe.scenario.named import named_endpoints
    from llmprobe.wire.local_servers import look_around

    named: Iterable[Offer] = ()
    trouble = None
    try:
        named = [
            Offer(name, endpoint, place="endpoints.toml", serves=endpoint.model or "")
            for name, endpoint in named_endpoints().items()
        ]
    except ScenarioError as error:
        trouble = error.message
    return Offers(tuple(named), tuple(look_around()), trouble)


def find_models(scenario: Scenario) -> list[str]:
    """What its endpoint serves, asked by a GET; raises `LlmprobeError`."""
    if is_sim(scenario.endpoint.url):
        return []
    return asyncio.run(models_of(scenario.endpoint, key_of(scenario)))
