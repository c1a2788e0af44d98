"""Frames over a byte stream."""

from hypothesis import given
from hypothesis import strategies as st

from llmprobe.core.engine import Lease, Plan, Watch
from llmprobe.core.events import FirstToken, Interval
from llmprobe.core.histogram import Histogram
from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.workers import frames

_PLAN = Plan(
    scenario=Scenario(endpoint=Endpoint(url="sim", body={"stop": ["x"]})), url="http://127.0.0.1:1/v1",
    model="m", corpus_file="c.jsonl", key_env=None, run_nonce="ab", journal=None, timed=True,
)  # fmt: skip
_COMMANDS: list[frames.Command] = [
    frames.Prepare(_PLAN, 1, frames.Share(of=2, residues=(1,))), frames.Start(),
    frames.SetLoad(3, 12.0, 0.0, "hand"), frames.Grant(Lease(4, 9)), frames.Look(Watch(rows=3)),
    frames.Test(), frames.Cancel(), frames.Stop(2.0),
]  # fmt: skip


@given(st.integers(min_value=1, max_value=64))
def test_commands_come_out_as_they_went_in_however_the_bytes_are_cut(size):
    wire = b"".join(frames.encode(command) for command in _COMMANDS)
    parser = frames.FrameParser()
    bodies = [body for at in range(0, len(wire), size) for body in parser.feed(wire[at : at + size])]
    assert [frames.decode_command(body) for body in bodies] == _COMMANDS


def test_a_batch_of_events_comes_out_as_it_went_in():
    itl = Histogram.of([0.02] * 3)
    batch = frames.Batch([FirstToken(1, 2, 0, 0.5, 0.2), Interval(0, 1.0, 5, itl, 4, 1, 4, 0, 0.1, 0.0)])
    (body,) = frames.FrameParser().feed(frames.encode(batch))
    assert frames.decode_reply(body) == batch
