"""Writes a scenario as a file that people read: what matters and what differs from the defaults."""

from typing import Any

import tomli_w

from llmprobe.core.scenario import Scenario
from llmprobe.scenario.layout import FORMAT, SCENARIO, Rows, Table
from llmprobe.scenario.secrets import without_secrets


def dump_scenario(scenario: Scenario) -> str:
    """TOML that `parse_scenario` reads back as an equal scenario; keys and passwords in it are left out."""
    return tomli_w.dumps({"format": FORMAT, **_written(without_secrets(scenario), SCENARIO)})


def _written(struct: Any, table: Table) -> dict[str, Any]:
    defaults = table.defaults()
    written: dict[str, Any] = {}
    for name, key in table.keys.items():
        value = getattr(struct, key.field)
        if key.field in defaults and value == defaults[key.field] and (not key.always or value is None):
            continue
        match key.holds:
            case Table():
                written[name] = _written(value, key.holds)
            case Rows():
                written[name] = [_written(row, key.holds.of) for row in value]
            case _:
                written[name] = key.holds.write(value)
    return written
