"""A scenario is read whole, or everything wrong with it is said with file, line and key."""

import contextlib
from pathlib import Path

import pytest

from llmprobe.core.errors import ScenarioError
from llmprobe.core.load import Load, Stage
from llmprobe.core.scenario import Autopilot, Baseline, Endpoint, Prices, Prompts, Scenario, Stop, Timeouts
from llmprobe.core.slo import PRESETS, Slo
from llmprobe.scenario.reader import load_scenario, parse_scenario, read_document

UNITLESS = 'must be a duration with its unit in quotes, as in "30s",'
SMALL = 'format = 1\n[endpoint]\nurl = "sim"\n'
WHOLE = """\
format = 1
name = "evening-probe"
seed = 42
slo = ["p95 ttft < 1s", "p95 tpot < 60ms", "errors < 1%"]

[endpoint]
url = "${LLM_URL:-http://127.0.0.1:8000/v1}"   # or "sim:small-gpu"
dialect = "openai-chat"
model = "llama-3-8b"
api_key_env = "LLM_KEY"                # the name, never the key
headers = { X-Team = "search" }
body = { ignore_eos = true, stop = ["a", "b"] }
connection = "max-age 30s"
timeouts = { connect = "5s", first_token = "20s", stall = "30s", total = "5m" }

[prompts]
corpus = "chat-short"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
cache = "warm"
max_tokens = "4k"

[load]
kind = "users"
warmup = "5s"
max_users = 64
stages = [
  { to = 8,  ramp = "2s", hold = "30s" },
  { to = 32, ramp = "0s", hold = "60s", by = "hand" },
]

[stop]
duration = "10m"
max_requests = 10000
max_usd = "$5"

[prices]
input = 0.15
output = 0.60

[baseline]
ttft_p95_s = 0.62
tolerance = "5%"
"""


def read(text: str, **environ: str) -> Scenario:
    return parse_scenario(text, file="s.toml", environ=environ)


def said(text: str, **environ: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(text, **environ)
    return caught.value.message.split("\n")


def test_every_key_of_the_format_is_read() -> None:
    assert read(WHOLE) == Scenario(
        endpoint=Endpoint(
            dialect="openai-chat",
            url="http://127.0.0.1:8000/v1",
            model="llama-3-8b",
            api_key_env="LLM_KEY",
            headers={"X-Team": "search"},
            body={"ignore_eos": True, "stop": ["a", "b"]},
            connection="max-age 30s",
            timeouts=Timeouts(first_token_s=20.0),
        ),
        name="evening-probe",
        seed=42,
        slo=(Slo("ttft", 1.0, "p95"), Slo("tpot", 0.06, "p95"), Slo("errors", 0.01)),
        prompts=Prompts("chat-short", "0123456789abcdef" * 4, "warm", 4000),
        load=Load(warmup_s=5.0, max_users=64, stages=(Stage(8, 30.0, 2.0), Stage(32, 60.0, by="hand"))),
        stop=Stop(600.0, 10_000, 5.0),
        prices=Prices(0.15, 0.6),
        baseline=Baseline({"ttft_p95_s": 0.62}, 0.05),
    )


def test_what_is_left_out_has_its_default() -> None:
    assert read(SMALL) == Scenario(Endpoint("sim"))


def test_a_scenario_may_find_again_rather_than_repeat() -> None:
    assert read(SMALL + "[autopilot]\n").autopilot == Autopilot("knee")


def test_names_of_presets_stand_in_the_list_of_objectives() -> None:
    assert read('slo = ["chat"]\n' + SMALL).slo == PRESETS["chat"]


def test_no_limit_on_output_has_a_word_of_its_own() -> None:
    assert read(SMALL + '[prompts]\nmax_tokens = "unlimited"\n').prompts.max_tokens is None


def test_a_body_with_null_is_written_as_json() -> None:
    assert read(SMALL + 'body = \'{"stop": null, "n": 1}\'\n').endpoint.body == {"stop": None, "n": 1}


def test_the_address_comes_from_the_environment() -> None:
    text = SMALL.replace("sim", "http://${HOST}:${PORT:-80}/v1")

    assert read(text, HOST="10.1.1.1").endpoint.url == "http://10.1.1.1:80/v1"
    assert read(text, HOST="h", PORT="81").endpoint.url == "http://h:81/v1"
    assert read(text, HOST="h", PORT="").endpoint.url == "http://h:80/v1"


def test_a_variable_that_is_not_set_is_named_with_the_way_out() -> None:
    (line,) = said(SMALL.replace("sim", "http://${HOST}/v1"))

    assert line.startswith("s.toml:3: endpoint.url: $HOST is not set; set it, or write ${HOST:-")


def test_nothing_but_the_address_is_expanded() -> None:
    assert read(SMALL + 'model = "${MODEL}"\n', MODEL="x").endpoint.model == "${MODEL}"


def test_everything_wrong_is_said_at_once_in_the_order_of_lines() -> None:
    lines = said(
        'format = 1\nsed = 42\nslo = [\n"p95 ttft < 1s",\n"fast",\n]\nmodel = "x"\n[endpoint]\nurl = "sim"\n'
        'timeouts = { connect = 5 }\n[load]\nkind = "user"\nstages = [\n  { to = 8, hold = "30s" },\n'
        '  { too = 8, hold = "x", by = "foot" },\n]\n[[steps]]\n'
    )

    assert lines == [
        "s.toml:2: sed: is unknown; did you mean seed?",
        "s.toml:5: slo[1]: 'fast' is not an objective; write it as 'p95 ttft < 1s' or 'errors < 1%'",
        "s.toml:7: model: is unknown here; it belongs in [endpoint]",
        f"s.toml:10: endpoint.timeouts.connect: {UNITLESS} not 5",
        's.toml:12: load.kind: must be "users" or "rate", not \'user\'',
        "s.toml:15: load.stages[1].too: is unknown; did you mean to?",
        "s.toml:15: load.stages[1].hold: 'x' is not a duration; write it as 500ms, 1.5s, 2m or 1h",
        's.toml:15: load.stages[1].by: must be "hand" or "autopilot", not \'foot\'',
        "s.toml:15: load.stages[1]: to is missing",
        "s.toml:17: steps: is reserved for a later format; take it out",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[endpoint]\nurl = "sim"\n', "s.toml:1: format is missing; a scenario begins with format = 1"),
        (SMALL.replace("1", "2", 1), "s.toml:1: format: is 2; this llmprobe reads format 1"),
        (SMALL.replace("1", "true", 1), "s.toml:1: format: is true; this llmprobe reads format 1"),
        (SMALL.replace("1", '"1"', 1), "s.toml:1: format: is '1'; this llmprobe reads format 1"),
        ("format = 1\n", "s.toml:1: endpoint is missing"),
        ("format = 1\n[endpoint]\n", "s.toml:2: endpoint: url is missing"),
        ("format = 1\nendpoint = 3\n", "s.toml:2: endpoint: must be a table, not 3"),
        (SMALL + "seed = 3\n", "s.toml:4: endpoint.seed: is unknown here; it belongs at the top, before"),
        (
            SMALL + "[stop]\nzzz = 1\n",
            "s.toml:5: stop.zzz: is unknown; stop takes duration, max_requests, max_usd",
        ),
        (
            SMALL + '[retry]\nretry_after = "no"\n',
            """s.toml:5: retry.retry_after: must be "obey" or "ignore", not 'no'""",
        ),
        (
            SMALL + '[retry]\nfirst = "1m"\n',
            "s.toml:4: retry.longest: is shorter than first",
        ),
        (SMALL + "[[endpoints]]\n", "s.toml:4: endpoints: is reserved for a later format"),
        ('name = ""\n' + SMALL, "s.toml:1: name: must be text on one line, not ''"),
        ('name = "a\\u001b[31mb"\n' + SMALL, "s.toml:1: name: must be text on one line"),
        ("seed = 1.5\n" + SMALL, "s.toml:1: seed: must be a whole number, not 1.5"),
        ("seed = 9223372036854775808\n" + SMALL, "s.toml:1: seed: must be a whole number"),
        ('slo = "chat"\n' + SMALL, "s.toml:1: slo: must be a list"),
        ("slo = [5]\n" + SMALL, "s.toml:1: slo[0]: must be text in quotes, not 5"),
        (SMALL.replace("sim", "127.0.0.1:80"), "s.toml:3: endpoint.url: '127.0.0.1:80' is not an URL"),
        (SMALL.replace("sim", "sim?speed=0"), "s.toml:3: endpoint.url: 'sim?speed=0': speed must lie"),
        (SMALL + 'dialect = "opeai"\n', "s.toml:4: endpoint.dialect: 'opeai' is not a dialect; there is "),
        (SMALL + 'connection = "close"\n', 's.toml:4: endpoint.connection: must be "keep", "per-request" or'),
        (SMALL + 'connection = "max-age 0s"\n', "s.toml:4: endpoint.connection: must be longer than 0"),
        (SMALL + "insecure = 1\n", "s.toml:4: endpoint.insecure: must be true or false, not 1"),
        (
            SMALL + "headers = { X = 5 }\n",
            "s.toml:4: endpoint.headers.X: must be ASCII text on one line, not 5",
        ),
        (
            SMALL + '[endpoint.headers]\nA = "b"\n"X Y" = "1"\n',
            "s.toml:6: endpoint.headers.X Y: is not the name",
        ),
        (
            SMALL + 'headers = { X = "a\\r\\nB: c" }\n',
            "s.toml:4: endpoint.headers.X: must be ASCII text on one line",
        ),
        (
            SMALL + "body = { a = [{ b = 1979-05-27 }] }\n",
            "s.toml:4: endpoint.body.a[0].b: can't be sent as JSON",
        ),
        (SMALL + "body = { a = inf }\n", "s.toml:4: endpoint.body.a: can't be sent as JSON: inf"),
        (
            SMALL + "body = { a = 99999999999999999999 }\n",
            "s.toml:4: endpoint.body.a: must be a whole number",
        ),
        (SMALL + "body = '{'\n", "s.toml:4: endpoint.body: is not JSON: "),
        (SMALL + "body = '[]'\n", "s.toml:4: endpoint.body: must be a table, not []"),
        (SMALL + 'timeouts = { total = "0s" }\n', "s.toml:4: endpoint.timeouts.total: must be longer than 0"),
        (SMALL + '[prompts]\nsha256 = "abc"\n', "s.toml:5: prompts.sha256: must be 64 hexadecimal digits"),
        (SMALL + "[prompts]\nmax_tokens = 0\n", "s.toml:5: prompts.max_tokens: must be at least 1, not 0"),
        (SMALL + '[prompts]\nmax_tokens = "many"\n', "s.toml:5: prompts.max_tokens: 'many' is not a count"),
        (SMALL + '[prompts]\ncache = "hot"\n', 's.toml:5: prompts.cache: must be "cold" or "warm"'),
        (
            SMALL + '[load]\nstages = { to = 1, hold = "1s" }\n',
            "s.toml:5: load.stages: must be a list of tables",
        ),
        (SMALL + "[load]\nstages = [3]\n", "s.toml:5: load.stages[0]: must be a table, not 3"),
        (
            SMALL + '[load]\nstages = [{ to = -1, hold = "1s" }]\n',
            "s.toml:5: load.stages[0].to: must be a number, 0",
        ),
        (
            SMALL + '[load]\nstages = [{ to = nan, hold = "1s" }]\n',
            "s.toml:5: load.stages[0].to: must be a number",
        ),
        (
            SMALL + '[load]\nstages = [{ to = 1.5, hold = "1s" }]\n',
            "s.toml:5: load.stages[0].to: must be whole users",
        ),
        (
            SMALL + '[load]\nkind = "rate"\nstages = [{ to = 1.5, hold = "1s", kind = "users" }]\n',
            "s.toml:6: load.stages[0].to: must be whole users",
        ),
        (SMALL + '[load]\nwarmup = "-5s"\n', "s.toml:5: load.warmup: '-5s' is not a duration"),
        (
            SMALL + '[load]\nstages = [{ to = 1, hold = "1s" }]\n[autopilot]\n',
            "s.toml:6: autopilot: stands in place of stages; take out one of them",
        ),
        (SMALL + '[stop]\nduration = "0s"\n', "s.toml:5: stop.duration: must be longer than 0"),
        (SMALL + "[stop]\nmax_usd = -1\n", "s.toml:5: stop.max_usd: must be a number, 0 or more"),
        (SMALL + '[stop]\nmax_usd = "five"\n', "s.toml:5: stop.max_usd: 'five' is not an amount of dollars"),
        (SMALL + "[prices]\ninput = 1\n", "s.toml:4: prices: output is missing"),
        (SMALL + "[baseline]\n", "s.toml:4: baseline: names no figure"),
        (SMALL + "[baseline]\nttft_p96_s = 1\n", "s.toml:5: baseline.ttft_p96_s: is no figure"),
        (SMALL + "[baseline]\nttft_p95_s = true\n", "s.toml:5: baseline.ttft_p95_s: must be a number"),
        (
            SMALL + '[baseline]\nttft_p95_s = 1\ntolerance = "200%"\n',
            "s.toml:6: baseline.tolerance: '200%' is not",
        ),
        ("format = 1\nname =\n", "s.toml:2: is not TOML: Invalid value"),
        ('format = 1\nname = "x', "s.toml:2: is not TOML: "),
        ("format = 1\nformat = 1\n", "s.toml:2: is not TOML: Cannot overwrite a value"),
        ("x = " + "[" * 5000, "s.toml: is not a scenario: lists within lists without end"),
    ],
)
def test_one_thing_wrong_is_one_sentence_at_its_place(text: str, sentence: str) -> None:
    (line,) = said(text)

    assert line.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (SMALL + 'api_key = "sk-abcdefgh12345678"\n', "s.toml:4: endpoint.api_key: "),
        ('api_key = "hello"\n' + SMALL, "s.toml:1: api_key: "),
        (
            SMALL + 'headers = { Authorization = "Bearer zzzzzz" }\n',
            "s.toml:4: endpoint.headers.Authorization: ",
        ),
        (SMALL + 'headers = { X-Team = "sk-abcdefgh12345678" }\n', "s.toml:4: endpoint.headers.X-Team: "),
        (SMALL + 'body = { api_key = "hello" }\n', "s.toml:4: endpoint.body.api_key: "),
        (SMALL.replace("sim", "https://user:hello@h/v1"), "s.toml:3: endpoint.url: "),
        (SMALL.replace("sim", "https://h/v1?key=hello"), "s.toml:3: endpoint.url: "),
    ],
)
def test_a_key_in_the_file_is_refused_with_the_remedy_and_not_repeated(text: str, place: str) -> None:
    (line,) = said(text)

    assert line.startswith(place)
    assert "api_key_env" in line
    assert not any(secret in line for secret in ("sk-abc", "zzzzzz", "hello"))


def test_a_key_in_the_place_of_its_name_is_not_repeated() -> None:
    (line,) = said(SMALL + 'api_key_env = "sk-abcdefgh12345678"\n')

    assert line.startswith("s.toml:4: endpoint.api_key_env: ")
    assert "sk-abc" not in line


def test_a_key_with_an_escape_sequence_reaches_no_terminal() -> None:
    assert all(line.isprintable() for line in said(SMALL + '"\\u001b[31mred" = 1\n'))


def test_the_error_keeps_the_places_apart() -> None:
    with pytest.raises(ScenarioError) as caught:
        read('name = 5\nseed = "x"\n' + SMALL)

    error = caught.value
    assert [(e.file, e.line, e.key) for e in (error, *error.others)] == [
        ("s.toml", 1, "name"),
        ("s.toml", 2, "seed"),
    ]


def test_a_file_is_read_with_its_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())

    assert load_scenario(file) == Scenario(Endpoint("sim"))


def test_a_caller_can_point_at_a_key_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(SMALL, encoding="utf-8")

    error = read_document(file).error(("endpoint", "url"), "is odd")

    assert error.message == f"{file}:3: endpoint.url: is odd"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (None, ": can't be read: No such file or directory"),
        (b"format = 1\n# \xff\n", ":2: is not UTF-8; save it as"),
    ],
)
def test_a_file_that_can_not_be_read_is_said(tmp_path: Path, data: bytes | None, sentence: str) -> None:
    file = tmp_path / "own.toml"
    if data is not None:
        file.write_bytes(data)

    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    assert caught.value.message.startswith(str(file) + sentence)


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="can't be read"):
        load_scenario(tmp_path)


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 7))
def test_half_a_file_is_an_error_or_a_scenario_and_never_a_crash(cut: int) -> None:
    with contextlib.suppress(ScenarioError):
        read(WHOLE[:cut])
