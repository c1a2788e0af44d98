"""Options that several commands share."""

import argparse

import pytest

from llmprobe.cli.options import add_endpoint_options, add_load_options, endpoint_with
from llmprobe.core.errors import UsageError
from llmprobe.core.scenario import Endpoint


def body_of(text):
    parser = argparse.ArgumentParser()
    add_endpoint_options(parser)
    return endpoint_with(Endpoint(url="sim"), parser.parse_args(["--body", text])).body


def test_a_body_is_any_json_object():
    assert body_of('{"a": [1, 2.5, null], "b": {"c": "d"}}') == {"a": [1, 2.5, None], "b": {"c": "d"}}


@pytest.mark.parametrize(("text", "says"), [
    ('{"a":NaN}', "--body: a can't be sent as JSON: nan"),
    ('{"a":{"b":[0,-Infinity]}}', "--body: a.b.1 can't be sent as JSON: -inf"),
    ('{"a":1e999}', "--body: a can't be sent as JSON: inf"),
    ('{"a":18446744073709551616}', "--body: a must be a whole number, not 18446744073709551616"),
    ("[1]", "--body must be a JSON object"),
    ("{a}", "--body is not JSON"),
])  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(text, says):
    with pytest.raises(UsageError) as refused:
        body_of(text)
    assert says in refused.value.message


@pytest.mark.parametrize("option", ["--users=2m", "--max-users=2000000", "--rate=2000000/s"])
def test_a_load_beyond_any_machine_is_refused(option, capsys):
    parser = argparse.ArgumentParser()
    add_load_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([option])
    assert "more than any machine can carry; the most is 1,000,000" in capsys.readouterr().err
