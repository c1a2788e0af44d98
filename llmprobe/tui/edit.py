"""A scenario with another endpoint, from what a person typed. Pure."""

from msgspec.structs import replace

from llmprobe.core.errors import UsageError
from llmprobe.core.keys import key_name
from llmprobe.core.scenario import Scenario
from llmprobe.core.scrub import may_carry_secret
from llmprobe.core.target import host_of, is_sim, parse_sim
from llmprobe.core.units import parse_size


def edited(scenario: Scenario, *, url: str, model: str, api_key_env: str, max_tokens: str) -> Scenario:
    """Blank fields are None; raises `UsageError` with a sentence about the first field that is wrong."""
    url = url.strip()
    if not url:
        raise UsageError("the URL is missing; write it as http://127.0.0.1:8000/v1, or sim")
    if is_sim(url):
        url = str(parse_sim(url))
    else:
        _refuse_secret(url)
        host_of(url)
    name = api_key_env.strip() or None
    key_name(url, name)
    before = scenario.endpoint
    endpoint = replace(
        before, url=url, model=model.strip() or None, api_key_env=name,
        # Another address may speak another one, which is found out when it is opened.
        dialect=before.dialect if url == before.url else None,
    )  # fmt: skip
    prompts = replace(scenario.prompts, max_tokens=_limit(max_tokens))
    return replace(scenario, endpoint=endpoint, prompts=prompts)


def _refuse_secret(url: str) -> None:
    if may_carry_secret(url):
        raise UsageError(
            "the address holds a key or a password, which llmprobe neither sends nor keeps; "
            "put it in an environment variable and name that below"
        )


def _limit(text: str) -> int | None:
    if not text.strip():
        return None
    try:
        limit = parse_size(text)
    except ValueError as error:
        raise UsageError(f"the output limit: {error}") from None
    if limit < 1:
        raise UsageError("the output limit must be at least 1 token; leave it blank for none")
    return limit
