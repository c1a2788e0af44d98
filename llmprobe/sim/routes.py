"""Who answers a request of the simulated endpoint: a dialect at its paths, a list of models, or nobody."""

import re
from collections.abc import Mapping

from llmprobe.core.scrub import is_secret_header
from llmprobe.wire.dialects import DIALECTS
from llmprobe.wire.dialects.dialect import Dialect

_PLACE = re.compile(r"\\\{model\\\}")
_FIXED: dict[str, Dialect] = {
    path: dialect for dialect in DIALECTS.values() for path in dialect.paths if "{model}" not in path
}
_NAMING: list[tuple[re.Pattern[str], Dialect]] = [
    (re.compile(_PLACE.sub("[^/]+", re.escape(path))), dialect)
    for dialect in DIALECTS.values()
    for path in dialect.paths
    if "{model}" in path
]
"""Paths that name the model."""
_LISTS: dict[str, Dialect] = {
    dialect.models_path: dialect for dialect in reversed(DIALECTS.values()) if dialect.models_path
} | {"/models": DIALECTS["openai-chat"]}


def speaks(path: str) -> Dialect | None:
    """The dialect whose requests are posted there."""
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    return next((dialect for pattern, dialect in _NAMING if pattern.fullmatch(path)), None)


def lists(path: str, headers: Mapping[str, str]) -> Dialect | None:
    """The dialect whose models are listed there; `headers` by lower-case name."""
    if path in _LISTS and "anthropic-version" in headers:
        return DIALECTS["anthropic-messages"]
    return _LISTS.get(path)


def brings(headers: Mapping[str, str], key: str) -> bool:
    """Whether a request carries the key, as any of the dialects would."""
    return any(
        headers.get(name.lower()) == value
        for dialect in DIALECTS.values()
        for name, value in dialect.own_headers(key).items()
        if is_secret_header(name)
    )
