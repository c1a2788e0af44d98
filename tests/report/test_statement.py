"""A finding as Markdown, byte for byte."""

from msgspec.structs import replace

from llmprobe.core.finding import Finding, Mix, Visit
from llmprobe.report.statement import capacity_of, settings
from llmprobe.report.to_markdown import capacity_lines

MIX = Mix(input_tokens=812, output_tokens=210, cache="cold")
FOUND = Finding(
    capacity=33, estimate=35, low=34, high=37, cause="ttft", slo="p95 ttft < 1s", held_s=48.2, n=323,
    requests_per_s=5.94, tokens_per_s=1240.4, failed_at=41, failed_times=2, failed_apart_s=38.4,
    visits=(
        Visit(16, 12.0, 30.5, 61, {}, held=True),
        Visit(41, 30.5, 36.0, 12, {"p95 ttft < 1s": 7}, held=False),
        Visit(33, 36.0, 96.2, 323, {}, held=True, by="hand"),
        Visit(41, 96.2, 99.0, 3, {}, held=None),
    ),
)  # fmt: skip


def markdown(finding, mix):
    return "\n".join(capacity_lines(capacity_of(finding, mix))) + "\n"


def test_a_finding_looks_as_it_did():
    assert markdown(FOUND, MIX) == (
        "**Safe at 33 concurrent requests: 5.94 req/s, 1,240 tokens/s (812 tokens in, 210 out, cold cache). "
        "It breaks between 34 and 37 (90%), by p95 TTFT \\> 1s. "
        "Held 48 s, n = 323, 0 violations; 41 failed twice, 38 s apart. "
        "About 240 people at one message per 40 s.**\n"
        "\n"
        "Set all clients together to at most 33 requests at once and about 356 requests a minute.\n"
        "\n"
        "| at | users | seconds | n | violations |  | by |\n"
        "|---|---|---|---|---|---|---|\n"
        "| 12 s | 16 | 18 | 61 | none | held | autopilot |\n"
        "| 30 s | 41 | 6 | 12 | 7 of p95 ttft \\< 1s | failed | autopilot |\n"
        "| 36 s | 33 | 60 | 323 | none | held | hand |\n"
        "| 96 s | 41 | 3 | 3 | none | open | autopilot |\n"
    )


def test_a_refusal_shows_its_evidence_and_sets_nothing():
    refused = Finding(
        None, None, None, None, None, refused="the probe was the bottleneck", visits=FOUND.visits[:1]
    )
    assert markdown(refused, MIX) == (
        "**No honest answer: the probe was the bottleneck.**\n"
        "\n"
        "| at | users | seconds | n | violations |  | by |\n"
        "|---|---|---|---|---|---|---|\n"
        "| 12 s | 16 | 18 | 61 | none | held | autopilot |\n"
    )


def test_an_open_load_sets_a_rate_alone():
    assert (
        settings(replace(FOUND, kind="rate", capacity=4.2))
        == "Set all clients together to about 252 requests a minute."
    )
    assert settings(replace(FOUND, capacity=0)) is None
