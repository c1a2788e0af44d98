"""How a run without a screen is doing, told to a person, to a screen reader, to a log."""

import io
import re

import pytest
from msgspec.structs import replace

from llmprobe.cli.progress import LiveLine, Sentences, how_it_is, progress_line, progress_of, rewrites
from llmprobe.core.load import UNTIL_STOPPED_S, Load, Stage
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.metrics.snapshot import Percentiles, Snapshot
from llmprobe.session.view import State, View

_FOREVER = Load(stages=(Stage(to=4, hold_s=UNTIL_STOPPED_S),))
_TWO = Load(stages=(Stage(to=4, hold_s=30), Stage(to=8, hold_s=62)))


def _view(load: Load = _FOREVER, *, at_s: float = 0.0, users: float = 0, **other) -> View:
    snapshot = Snapshot(
        target=users, kind=load.kind, in_flight=int(users),
         requests_per_s=3.14, ttft=Percentiles(n=40, p50=0.4, p95=0.62),
        tokens_per_s=210.4, tokens_estimated=False,
    )  # fmt: skip
    view = View(
        state=State.RUNNING, scenario=Scenario(endpoint=Endpoint(url="sim:small-gpu"), load=load),
        kind=load.kind, url="", model="m", folder="f", elapsed_s=at_s, stale_s=0.0, snapshot=snapshot,
        spent_requests=0,
        max_requests=None, spent_usd=None, max_usd=None,
    )  # fmt: skip
    return replace(view, **other)


def _told(*views: View) -> list[str]:
    stream = io.StringIO()
    sentences = Sentences(replace(views[0], state=State.IDLE), stream)
    for view in views:
        sentences.show(view)
    return stream.getvalue().splitlines()


def test_it_begins_with_what_runs_and_how_to_stop_it():
    assert _told(_view())[0] == (
        "probe on sim:small-gpu, model m: 4 users. Ctrl+C stops it and prints the result."
    )
    assert _told(_view(_TWO, max_requests=500))[0] == (
        "probe on sim:small-gpu, model m: 2 stages for 1 min 32 s, beginning with 4 users, at most 500 "
        "requests. Ctrl+C stops it and prints the result."
    )


def test_each_new_load_is_said_once():
    told = _told(_view(_TWO, at_s=1, users=4), *(_view(_TWO, at_s=at, users=8) for at in (2, 3, 4)))
    assert told[1:] == ["At 2 s: 8 users now."]


def test_every_few_seconds_it_says_how_it_is():
    told = _told(*(_view(at_s=at / 2, users=4) for at in range(24)))
    assert told[1:] == [
        f"At {at} s: 4 users, 4 in flight, 3.1 requests a second, p95 time to first token 620 ms, "
        "210 tokens a second, no 429, no errors."
        for at in (5, 10)
    ]


def test_trouble_is_said_when_it_comes():
    bad = Snapshot(target=4, in_flight=4, rate_limited_share=0.027, server_errors_10s=1)
    told = _told(_view(), _view(at_s=70, note="the disk is full"), _view(at_s=76, users=4, snapshot=bad))
    assert told[1] == "At 1 min 10 s: the disk is full."
    assert told[-1] == (
        "At 1 min 16 s: 4 users, 4 in flight, too few answers for a time to first token, "
        "2.7 % refused by a rate limit, 1 other error in 10 s."
    )


def test_nothing_that_a_terminal_obeys_and_no_second_line_gets_into_a_sentence():
    told = _told(_view(), _view(at_s=1, model="x", note="evil \x1b]52;c;aGk=\x07\x9b31m\nline\r\nback"))
    assert told[1:] == ["At 1 s: evil line back."]
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", "".join(told))


@pytest.mark.parametrize(("terminal", "term", "plain", "kind"), [
    (True, "xterm", False, LiveLine),
    (True, "xterm", True, Sentences),
    (True, "dumb", False, Sentences),
    (False, "xterm", False, Sentences),
])  # fmt: skip
def test_a_line_is_rewritten_only_where_one_can_be(monkeypatch, terminal, term, plain, kind):
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    assert type(progress_of(_view(), quiet=False, plain=plain, stream=stream)) is kind
    assert rewrites(stream, {"TERM": term}) is (terminal and term != "dumb")


def test_quiet_is_quiet():
    stream = io.StringIO()
    silent = progress_of(_view(), quiet=True, plain=True, stream=stream)
    silent.show(_view(at_s=60, users=4, note="x"))
    silent.close()
    assert stream.getvalue() == ""


def test_who_backs_off_and_a_probe_that_is_the_bottleneck_are_said():
    snapshot = Snapshot(
        at_s=76.0, target=4, in_flight=1, backing_off=3, backing_off_until_s=136.2,
        probe_bound="a worker used 91% of a core; use more --workers",
    )  # fmt: skip
    view = _view(at_s=76, users=4, snapshot=snapshot)
    assert how_it_is(view).endswith(
        ", no errors, 3 backing off for up to 1 min 0 s, no verdict as the probe is the bottleneck "
        "(a worker used 91% of a core; use more --workers)."
    )
    assert " · 3 backing off for up to 1 min 0 s · probe-bound" in progress_line(view)
