"""A curl command as an endpoint: what people have at hand, and what API documentation shows. Pure.

Address, headers and body are kept; what is asked (messages, prompt, stream) is not, for a corpus asks. A key
is never kept: where `$NAME` stands for it, NAME is; else the caller asks for a variable that holds it.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from llmprobe.core.errors import UsageError
from llmprobe.core.keys import KEY_OF_HOST
from llmprobe.core.scenario import Endpoint
from llmprobe.core.scrub import carries_secret, looks_like_key, scrub
from llmprobe.core.target import host_of
from llmprobe.scenario import values
from llmprobe.scenario.secrets import is_secret, public_url
from llmprobe.scenario.shell_words import words

_CURL = re.compile(r"\s*(?:[$%#]\s+)?curl(?:\.exe)?(?:\s|\\\r?\n|$)")
_VARIABLE = re.compile(r"(?:bearer\s+)?\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?", re.IGNORECASE)
_KEY_HEADERS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
"""Those that a dialect sends by itself."""
_OUR_HEADERS = frozenset(
    {"content-type", "accept", "content-length", "host", "connection", "accept-encoding"}
)
_OUR_FIELDS = frozenset({
    "model", "messages", "prompt", "input", "contents", "stream", "stream_options", "system", "instructions",
    "systemInstruction", "system_instruction",
})  # fmt: skip
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")

_VALUED = {
    "-H": "--header", "-d": "--data", "-X": "--request", "-A": "--user-agent", "-o": "--output",
    "-m": "--max-time", "-w": "--write-out", "-u": "--user", "-x": "--proxy", "-E": "--cert", "-F": "--form",
    "-T": "--upload-file", "-b": "--cookie", "-K": "--config", "-e": "--referer",
}  # fmt: skip
"""Short options that take a value."""
_FLAGS = {"-k": "--insecure", "-G": "--get", "-I": "--head"}
"""Short options without one; the others mean nothing here."""
_DATA = frozenset({"--data", "--data-raw", "--data-binary", "--data-ascii", "--json"})
_MEANINGLESS = frozenset({
    "--output", "--max-time", "--write-out", "--connect-timeout", "--retry", "--retry-delay", "--referer",
    "--keepalive-time", "--limit-rate",
})  # fmt: skip
"""With a value, and about how curl itself behaves."""
_QUIET = frozenset({
    "--silent", "--show-error", "--no-buffer", "--verbose", "--include", "--location", "--fail",
    "--fail-with-body", "--compressed", "--http1.1", "--globoff", "--no-progress-meter", "--progress-bar",
    "--ipv4", "--ipv6", "--tcp-nodelay",
})  # fmt: skip
_QUIET_SHORT = "sSNvifLg#046"
_REFUSED = {
    "--user": "sends a password; llmprobe sends a key out of an environment variable, named by --api-key-env",
    "--proxy": "is not taken; set HTTPS_PROXY in the environment",
    "--cookie": "sends a secret; llmprobe sends none but a key out of an environment variable",
    "--cert": "is not taken; llmprobe shows no certificate of its own",
    "--form": "sends a form; an LLM endpoint takes JSON",
    "--upload-file": "sends a file; put the JSON itself behind -d",
    "--config": "reads more options from a file; paste them",
    "--get": "makes a GET of the data; an LLM endpoint takes a POST",
    "--head": "asks for headers only; an LLM endpoint takes a POST",
}


class Pasted(Struct, frozen=True):
    """What a command says, without its key."""

    endpoint: Endpoint
    max_tokens: int | None
    """The output limit in its body."""
    key_in: str | None
    """The header (or `the address`) that held a literal key, which is gone."""
    suggested: str
    """A name for the variable that should hold it."""


def is_curl(text: str) -> bool:
    """Whether a text means to be a curl command."""
    return bool(_CURL.match(text))


def parse_curl(text: str) -> Pasted:
    """Raises `UsageError` with what stands in the way; no key is in its sentence."""
    try:
        return _pasted(_options(words(text[text.index("curl") :])[1:]))
    except values.InsideError as error:
        place = ".".join(map(str, error.inside))
        raise UsageError(scrub(f"the curl command's {place} {error}")) from None
    except ValueError as error:
        raise UsageError(scrub(f"the curl command {error}")) from None


def _options(arguments: list[str]) -> list[tuple[str, str]]:
    """Long names with their values; an address is a `--url`."""
    found: list[tuple[str, str]] = []
    left = list(reversed(arguments))
    while left:
        word = left.pop()
        if word.startswith("--") and len(word) > 2:
            if word in {
                "--header",
                "--request",
                "--url",
                "--cacert",
                "--user-agent",
                *_DATA,
                *_MEANINGLESS,
            } or (word in _REFUSED and word not in {"--get", "--head"}):
                found.append((word, _value(word, left)))
            else:
                found.append((word, ""))
        elif word.startswith("-") and len(word) > 1 and word != "--":
            found += _short(word, left)
        elif word != "--":
            found.append(("--url", word))
    return found


def _short(word: str, left: list[str]) -> list[tuple[str, str]]:
    """`-sSNXPOST` is four options."""
    found: list[tuple[str, str]] = []
    for at, letter in enumerate(word[1:], 2):
        if (name := _VALUED.get(f"-{letter}")) is not None:
            return [*found, (name, word[at:] or _value(f"-{letter}", left))]
        if letter not in _QUIET_SHORT:
            found.append((_FLAGS.get(f"-{letter}", f"-{letter}"), ""))
    return found


def _value(option: str, left: list[str]) -> str:
    if not left:
        raise ValueError(f"ends after {option}, which needs a value")
    return left.pop()


def _pasted(options: list[tuple[str, str]]) -> Pasted:
    said: dict[str, list[str]] = {}
    for name, value in options:
        if name in _REFUSED:
            raise ValueError(f"has {name}, which {_REFUSED[name]}")
        said.setdefault(name, []).append(value)
    known = {"--header", "--request", "--url", "--cacert", "--user-agent", "--insecure", "--http2"}
    known |= _DATA | _MEANINGLESS | _QUIET
    if unknown := next((name for name in said if name not in known), None):
        raise ValueError(f"has {unknown}, which llmprobe doesn't know; take it out")
    url, key_in_url = _address(said.get("--url", []))
    headers, key_env, key_in = _headers(said)
    body = _body([(name, value) for name, value in options if name in _DATA], said.get("--request", []))
    limit = next((body[name] for name in _LIMITS if isinstance(body.get(name), int)), None)
    model = body.get("model")
    endpoint = Endpoint(
        url=url,
        model=values.text(model) if model is not None else None,
        api_key_env=key_env,
        headers=headers,
        body=values.body(
            {name: value for name, value in body.items() if name not in {*_OUR_FIELDS, *_LIMITS}}
        ),
        cacert=said["--cacert"][-1] if "--cacert" in said else None,
        insecure="--insecure" in said,
        http2="--http2" in said,
    )
    return Pasted(
        endpoint=endpoint,
        max_tokens=limit if limit is not None and limit > 0 else None,
        key_in=key_in or key_in_url,
        suggested=KEY_OF_HOST.get(host_of(url), "LLM_API_KEY"),
    )


def _address(urls: list[str]) -> tuple[str, str | None]:
    """Without a key, and where one was."""
    if len(urls) != 1:
        raise ValueError("has no address" if not urls else f"has {len(urls)} addresses; one can be probed")
    (url,) = urls
    if "$" in url or "`" in url:
        raise ValueError("has a variable in its address; write the address out")
    if not url.isprintable() or " " in url:
        raise ValueError("has an address with a space or a control character in it")
    url = url if "://" in url else f"http://{url}"
    host_of(scrub(url))
    if urlsplit(url).username is not None:
        raise ValueError("has a user in its address; llmprobe sends a key out of an environment variable")
    public = public_url(url)
    if carries_secret(public):
        raise ValueError("has a secret in its address that llmprobe can't send; take it out")
    return public, "the address" if public != url else None


def _headers(said: dict[str, list[str]]) -> tuple[dict[str, str], str | None, str | None]:
    """Those to send along; the variable that holds the key; the header that held a literal one."""
    pairs = [_split(line) for line in said.get("--header", [])]
    pairs += [("User-Agent", value) for value in said.get("--user-agent", [])]
    kept: dict[str, str] = {}
    key_env = key_in = None
    for name, value in pairs:
        if name.lower() in _OUR_HEADERS or not value:
            continue
        if name.lower() in _KEY_HEADERS:
            variable = _VARIABLE.fullmatch(value)
            key_env, key_in = (variable[1], None) if variable else (None, name)
        elif is_secret(name, value):
            raise ValueError(f"has the header {name}, a secret that llmprobe can't send; take it out")
        elif "$" in value or "`" in value:
            raise ValueError(f"has a variable in the header {name}; write its value out")
        else:
            kept[name] = value
    return values.headers(kept), key_env, key_in


def _split(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or looks_like_key(name):
        raise ValueError("has a -H that is no header; write it as -H 'X-Team: search'")
    return name.strip(), value.strip()


def _body(data: list[tuple[str, str]], methods: list[str]) -> dict[str, Any]:
    method = methods[-1].upper() if methods else None
    if method is not None and method != "POST" and (data or method != "GET"):
        raise ValueError(f"makes a {method}; an LLM endpoint takes a POST")
    if not data:
        return {}
    if any(value.startswith("@") and name != "--data-raw" for name, value in data):
        raise ValueError("reads its body from a file; put the JSON itself behind -d")
    try:
        body = msgspec.json.decode("&".join(value for _, value in data), strict=True)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValueError('has a body that is no JSON; quote it as -d \'{"model": "..."}\'') from None
    return values.table(body)
