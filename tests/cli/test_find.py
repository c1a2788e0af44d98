"""`llmprobe find` as a person types it: an answer, a gate, and what it can't be told."""

import json

FAST = ("find", "sim:fixed?speed=20", "--max-users", "2", "--slo", "errors < 1%", "--out", "run")


def test_it_finds_says_what_it_rests_on_and_is_a_gate(llmprobe, calm):
    done = calm(*FAST, "--json", "result.json", "--at-least", "2")
    assert done.returncode == 0, done.stderr
    assert "is below" not in done.stderr
    assert "Safe at 2 concurrent requests" in " ".join(done.stdout.split())
    found = json.loads((llmprobe.folder / "result.json").read_text())["capacity"]
    assert (found["users"], found["cause"], found["refused"]) == (2, "none", None)
    assert found["visits"]
    assert found["statement"].startswith("Safe at 2")


def test_a_gate_that_is_not_reached_is_exit_code_1(calm):
    done = calm(*FAST, "--at-least", "3")
    assert done.returncode == 1
    assert "2 is below the 3 of --at-least" in done.stderr


def test_a_scenario_with_an_autopilot_is_searched_by_run(llmprobe, calm):
    (llmprobe.folder / "again.toml").write_text(
        'format = 1\nname = "again"\nslo = ["errors < 1%"]\n[endpoint]\nurl = "sim:fixed?speed=20"\n'
        '[load]\nmax_users = 2\n[autopilot]\nstrategy = "knee"\n'
    )
    done = calm("run", "again.toml", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "Safe at 2 concurrent requests" in " ".join(done.stdout.split())


def test_a_search_chooses_the_load_itself(llmprobe):
    done = llmprobe("find", "sim", "--users", "4")
    assert done.returncode == 2
    assert "--max-users bounds it" in done.stderr


def test_a_strategy_that_there_is_none_of_is_wrong_usage(llmprobe):
    done = llmprobe("find", "sim:fixed?speed=20", "--strategy", "guess", "--out", "run")
    assert done.returncode == 2
    assert "'guess' is not a strategy" in done.stderr


def test_an_endpoint_that_does_not_answer_gives_no_result(llmprobe):
    done = llmprobe(
        "find", "http://127.0.0.1:9/v1", "--model", "m", "--dialect", "openai-chat", "--out", "run"
    )
    assert done.returncode == 3
    assert "refuses connections" in done.stdout + done.stderr
