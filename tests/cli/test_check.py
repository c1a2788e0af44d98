"""`llmprobe check`: what a scenario would take, without sending anything."""

import json
import resource

import pytest

from llmprobe.cli.main import dispatch
from llmprobe.core.errors import UsageError

_HEAD = 'format = 1\n[endpoint]\nurl = "{url}"\n'


@pytest.fixture
def check(tmp_path, capsys):
    """Check a scenario of this text; what is printed."""

    def run(text: str, *options: str, url: str = "sim", head: str = _HEAD) -> str:
        file = tmp_path / "s.toml"
        file.write_text(head.format(url=url) + text)
        assert dispatch(["check", str(file), *options]) == 0
        out: str = capsys.readouterr().out
        return out

    return run


def test_a_closed_load_is_a_range_and_says_what_it_assumes(check):
    out = check('[load]\nstages = [{ to = 10, hold = "1m" }, { to = 20, ramp = "10s", hold = "20s" }]\n')
    # 600 + 150 + 400 user seconds
    assert "requests  115 to 2300, for requests of 10.0 s to 500 ms" in out
    assert "2 stages" in out
    assert "time      1 m 30 s" in out or "time      90.0 s" in out


def test_an_open_load_is_counted(check):
    assert "about 600" in check('[load]\nkind = "rate"\nstages = [{ to = 10, hold = "1m" }]\n')


def test_a_cap_bounds_requests_and_money(check):
    out = check(
        '[load]\nstages = [{ to = 10, hold = "1h" }]\n[stop]\nmax_requests = 100\n'
        "[prices]\ninput = 0.0\noutput = 10.0\n"
    )
    assert "requests  at most 100" in out
    assert "at most $0.26" in out


@pytest.mark.parametrize(
    ("text", "url", "says"),
    [
        ("", "http://127.0.0.1:9/v1", "guessed when it runs"),
        ("", "http://127.0.0.1:9/v1/messages", "anthropic-messages"),
        ('dialect = "ollama-chat"\n', "http://127.0.0.1:9", "ollama-chat"),
        ("", "sim", "openai-chat"),
    ],
)
def test_the_dialect_is_told_or_that_it_will_be_guessed(check, text, url, says):
    assert f"dialect   {says}" in check(text, url=url)


def test_a_load_that_this_machine_has_no_room_for_is_told(check):
    few, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    stages = '[load]\nstages = [{{ to = {}, hold = "1s" }}]\n'
    assert "not on this machine" not in check(stages.format(min(few, 1000) - 100))
    out = check(stages.format(1_000_000))
    assert "! not on this machine as it is: 1,000,000 users need as many connections" in out


def test_money_is_unknown_without_prices(check):
    assert "unknown" in check('[load]\nstages = [{ to = 1, hold = "1s" }]\n')


def test_the_key_is_named_and_never_shown(check, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret-0123456789")
    out = check('api_key_env = "MY_KEY"\nmodel = "m"\n', url="https://llm.example/v1")
    assert "$MY_KEY, which is set" in out
    assert "secret" not in out
    assert "leaves this machine" in out
    assert "at most 500" in out


def test_json_says_the_same(check):
    out = json.loads(check('[load]\nstages = [{ to = 1, hold = "10s" }]\n', "--json"))
    assert (out["duration_s"], out["requests_high"], out["leaves_this_machine"]) == (10.0, 20, False)


@pytest.mark.parametrize(
    ("text", "url", "says"),
    [
        ('dialect = "smoke-signals"\n', "sim", "smoke-signals"),
        ("", "sim:nope", "there is small-gpu"),
        ('[prompts]\ncorpus = "nope"\n', "sim", "no corpus 'nope'"),
        (f'[prompts]\nsha256 = "{"0" * 64}"\n', "sim", "sha256 differs"),
        ('[load]\nstages = [{ to = -1, hold = "1s" }]\n', "sim", "s.toml:5"),
        (
            '[load]\nstages = [{ to = 1e9, hold = "1s" }]\n',
            "sim",
            r"s.toml:5: load.stages\[0\].to: is 1,000,000,000 users, more than any machine can carry",
        ),
        (
            '[load]\nkind = "rate"\nstages = [{ to = 1e9, hold = "1s" }]\n',
            "sim",
            "000 requests a second, more",
        ),
        ("[load]\nmax_users = 2000000\n", "sim", "load.max_users: is 2,000,000 users, more than any machine"),
    ],
)
def test_what_is_unsound_is_told_with_its_place(check, text, url, says):
    with pytest.raises(UsageError, match=says):
        check(text, url=url)


def test_an_objective_relative_to_one_user_needs_a_stage_of_one(check):
    relative = 'slo = ["p95 ttft < 3x idle"]\n'
    head = _HEAD.replace("[endpoint]", relative + "[endpoint]")
    with pytest.raises(UsageError, match="no stage is of one; add"):
        check('[load]\nstages = [{ to = 4, hold = "1m" }]\n', head=head)
    assert "2 stages" in check(
        '[load]\nstages = [{ to = 1, hold = "9s" }, { to = 4, hold = "9s" }]\n', head=head
    )
