"""What a search has found, in words."""

from llmprobe.core.finding import Finding, Knee, Mix, brief, statement

FOUND = Finding(
    capacity=33, estimate=35, low=34, high=37, cause="ttft", slo="p95 ttft < 1s", held_s=48.2, n=323,
    requests_per_s=5.94, tokens_per_s=1240.4, failed_at=41, failed_times=2, failed_apart_s=38.4,
)  # fmt: skip
MIX = Mix(input_tokens=812, output_tokens=210, cache="cold")


def test_a_capacity_is_said_with_its_workload_its_interval_and_what_it_rests_on() -> None:
    assert statement(FOUND, MIX) == (
        "Safe at 33 concurrent requests: 5.94 req/s, 1,240 tokens/s (812 tokens in, 210 out, cold cache). "
        "It breaks between 34 and 37 (90%), by p95 TTFT > 1s. "
        "Held 48 s, n = 323, 0 violations; 41 failed twice, 38 s apart. "
        "About 240 people at one message per 40 s."
    )


def test_a_refusal_says_why_and_no_number() -> None:
    refused = Finding(None, None, None, None, None, refused="the data is too thin (n = 12)")
    assert statement(refused, MIX) == "No honest answer: the data is too thin (n = 12)."


def test_not_even_one_user_is_a_finding() -> None:
    zero = Finding(0, None, 0, 1, "zero", slo="errors < 1%", n=300, violations=12)
    assert statement(zero, MIX) == (
        "Not even one user gets what the SLOs ask, by errors > 1% (812 tokens in, 210 out, cold cache)."
    )


def test_where_nothing_broke_it_says_up_to_where() -> None:
    none = Finding(256, None, None, None, "none", held_s=20, n=1900, requests_per_s=95.0)
    assert statement(none, Mix(None, None, "warm")) == (
        "Safe at 256 concurrent requests: 95 req/s (warm cache). "
        "Nothing broke up to there, the most that was tried. Held 20 s, n = 1,900, 0 violations. "
        "About 3,800 people at one message per 40 s."
    )


def test_an_open_load_is_said_in_requests_per_second_with_its_knee_and_its_marks() -> None:
    open_load = Finding(
        4.2, 4.4, 4.3, 4.6, "rate_limit", kind="rate", held_s=30, n=126, violations=1,
        tokens_per_s=900.0, knee=Knee(4.0, 3.61, 4.48, 900.0), noise="a neighbour slowed it for 30 s",
    )  # fmt: skip
    assert statement(open_load, MIX) == (
        "Safe at 4.2 requests/s: 900 tokens/s (812 tokens in, 210 out, cold cache). "
        "It breaks between 4.3 and 4.6 (90%), by a rate limit (429). "
        "Held 30 s, n = 126, 1 violation. About 170 people at one message per 40 s. "
        "Throughput stops growing at about 4 (3.61 to 4.48). A neighbour slowed it for 30 s."
    )


def test_in_a_line_it_is_the_load_and_where_it_breaks() -> None:
    assert brief(FOUND) == "safe at 33 users; it breaks between 34 and 37 (90%), by p95 TTFT > 1s"
    refused = Finding(None, None, None, None, None, refused="the data is too thin (n = 12)")
    assert brief(refused) == "no honest answer: the data is too thin (n = 12)"
    zero = Finding(0, None, 0, 1, "zero", slo="errors < 1%", n=300, violations=12)
    assert brief(zero) == "not even one user gets what the SLOs ask, by errors > 1%"
    none = Finding(256, None, None, None, "none", held_s=20, n=1900)
    assert brief(none) == "safe at 256 users; nothing broke up to there, the most that was tried"
