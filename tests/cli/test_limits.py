"""`llmprobe limits` as a person types it: told by headers, inferred, and what it can't be told."""

import json


def test_headers_tell_the_limit_and_what_clients_are_set_to(llmprobe, calm):
    done = calm("limits", "sim:rpm-limit", "--seed", "1", "--out", "run", "--json", "result.json")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "The limit is 240 requests a minute, told by headers." in said
    assert "at most 168 requests a minute" in said
    found = json.loads((llmprobe.folder / "result.json").read_text())
    assert found["capacity"] is None
    assert (found["limits"]["rpm"], found["limits"]["tpm"], found["limits"]["from"]) == (240, None, "headers")
    assert found["totals"]["requests"] <= 13
    again = calm("report", "run")
    assert "The limit is 240 requests a minute, told by headers." in " ".join(again.stdout.split())


def test_tokens_are_told_as_those_that_count(calm):
    done = calm("limits", "sim:tpm-limit", "--keep-free", "0%", "--out", "run")
    said = " ".join(done.stdout.split())
    assert "130,000 tokens a minute (prompt and max_tokens), told by headers" in said
    assert "at most 130,000 tokens a minute" in said
    assert "max_tokens counts in full" in said


def test_a_cap_on_what_is_in_flight_is_inferred(calm):
    done = calm("limits", "sim:concurrency-limit", "--max-users", "32", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert "The limit is 12 requests at once, inferred." in " ".join(done.stdout.split())


def test_where_nothing_refuses_it_says_what_cannot_be_excluded(calm):
    done = calm("limits", "sim:fixed?speed=10", "--max-users", "4", "-n", "200", "--out", "run")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "No rate limit was hit, and no answer told of one." in said
    assert "more than 4 at once can't be excluded" in said


def test_it_sends_no_more_than_the_cap_and_says_when_that_was_too_little(llmprobe, calm):
    done = calm("limits", "sim:rpm-limit?limit_headers=none", "-n", "60", "--out", "run")
    assert done.returncode == 5
    records = (llmprobe.folder / "run" / "records.jsonl").read_text().splitlines()
    assert len(records) <= 60
    assert "no honest answer" in done.stdout


def test_its_scenario_maps_again(calm):
    calm("limits", "sim:rpm-limit", "--out", "run")
    done = calm("run", "run/scenario.toml", "--out", "again")
    assert done.returncode == 0, done.stderr
    assert "240 requests a minute, told by headers" in " ".join(done.stdout.split())


def test_a_cap_on_money_holds_under_the_dearest_mix(llmprobe):
    (llmprobe.folder / "priced.toml").write_text(
        'format = 1\n[endpoint]\nurl = "sim:rpm-limit?limit_headers=none"\n'
        "[prices]\ninput = 3.0\noutput = 0.0\n[stop]\nmax_usd = 0.2\n"
    )
    llmprobe("limits", "priced.toml", "--out", "run")
    records = (llmprobe.folder / "run" / "records.jsonl").read_text().splitlines()
    assert len(records) > 10
    assert sum(json.loads(line)["usd"] or 0.0 for line in records) <= 0.2
