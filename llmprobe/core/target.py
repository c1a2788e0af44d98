"""What a person names as a target: `sim`, `sim:PRESET?seed=1&speed=10`, or an URL."""

from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from llmprobe.core.errors import UsageError

DEFAULT_PRESET = "small-gpu"
_LOOPBACK_NAMES = ("localhost", "ip6-localhost")


class SimTarget(Struct, frozen=True):
    """The built-in simulated endpoint. `speed` divides its times, and every latency bound with them."""

    preset: str = DEFAULT_PRESET
    seed: int = 0
    speed: float = 1.0
    limit_headers: str = "openai"
    """How it words its rate limits; see `llmprobe.sim.limit_headers`."""

    def __str__(self) -> str:
        """As a person would type it, without what is at its default."""
        query = [f"seed={self.seed}"] if self.seed else []
        query += [f"speed={self.speed:g}"] if self.speed != 1 else []
        query += [f"limit_headers={self.limit_headers}"] if self.limit_headers != "openai" else []
        return f"sim:{self.preset}" + ("?" + "&".join(query) if query else "")


def is_sim(target: str) -> bool:
    """Whether the target names the simulated endpoint."""
    return target == "sim" or target.startswith(("sim:", "sim?"))


def parse_sim(target: str) -> SimTarget:
    """`sim[:PRESET][?seed=N&speed=X]`; raises `UsageError` on anything else. The preset is not checked."""
    if not is_sim(target):
        raise UsageError(f"{target!r} is not a simulated endpoint; write it as sim or sim:small-gpu")
    name, _, query = target.removeprefix("sim").removeprefix(":").partition("?")
    values = dict(parse_qsl(query, keep_blank_values=True))
    unknown = set(values) - {"seed", "speed", "limit_headers"}
    if unknown:
        raise UsageError(
            f"{target!r}: unknown option {min(unknown)!r}; it takes seed, speed and limit_headers"
        )
    try:
        seed, speed = int(values.get("seed", "0")), float(values.get("speed", "1"))
    except ValueError:
        raise UsageError(f"{target!r}: seed must be a whole number and speed a number") from None
    if not 0.01 <= speed <= 1000:
        raise UsageError(f"{target!r}: speed must lie between 0.01 and 1000")
    return SimTarget(name or DEFAULT_PRESET, seed, speed, values.get("limit_headers", "openai"))


def speed_of(target: str) -> float:
    """How much faster than real the target's clock runs; 1 for a real endpoint."""
    return parse_sim(target).speed if is_sim(target) else 1.0


def host_of(url: str) -> str:
    """Host name of an URL, lower case; `UsageError` says what a right URL looks like."""
    if " " in url or not url.isprintable():
        raise UsageError(f"{url!r} is not an URL: a space or a control character is in it")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not an URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(f"{url!r} is not an URL; write it as http://127.0.0.1:8000/v1, or 'sim'")
    return host.lower()


def is_loopback(target: str) -> bool:
    """Whether requests stay on this machine."""
    if is_sim(target):
        return True
    host = host_of(target)
    return host in _LOOPBACK_NAMES or host == "::1" or _is_loopback_v4(host)


def _is_loopback_v4(host: str) -> bool:
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdigit() and int(p) < 256 for p in parts)
