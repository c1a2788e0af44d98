"""What a TARGET on the command line names: the simulator, an URL, a curl command, a name, a file."""

from pathlib import Path

from msgspec.structs import fields, replace

from llmprobe.core.errors import UsageError
from llmprobe.core.keys import key_name
from llmprobe.core.scenario import Endpoint, Prompts, Scenario
from llmprobe.core.scrub import carries_secret
from llmprobe.core.target import host_of, is_sim, parse_sim
from llmprobe.scenario.curl import Pasted, is_curl, parse_curl
from llmprobe.scenario.layout import NAME
from llmprobe.wire.guess import by_address

TARGET_HELP = "sim[:PRESET], an URL, a curl command in quotes, or a name of endpoints.toml"


def endpoint_of(target: str, api_key_env: str | None) -> Endpoint:
    """The endpoint it names; `api_key_env` is the variable named beside it."""
    if is_sim(target):
        return Endpoint(url=str(parse_sim(target)))
    if is_curl(target):
        return _pasted(target, api_key_env).endpoint
    if NAME.fullmatch(target):
        # With all that reads files; a screen on the simulator starts without it.
        from llmprobe.scenario.named import endpoint_named

        return endpoint_named(target)
    if carries_secret(target):
        raise UsageError(
            "the address holds a key or a password, which llmprobe neither sends nor keeps; "
            "put it in an environment variable and name that with --api-key-env"
        )
    host_of(target)
    return Endpoint(url=target)


def scenario_of(target: str, api_key_env: str | None) -> tuple[Scenario, Path]:
    """The scenario it names or makes, and the folder that its paths start from."""
    if is_curl(target):
        pasted = _pasted(target, api_key_env)
        limit = pasted.max_tokens or Prompts().max_tokens
        return Scenario(endpoint=pasted.endpoint, prompts=Prompts(max_tokens=limit)), Path()
    path = Path(target)
    if is_sim(target) or "://" in target or (NAME.fullmatch(target) and not path.exists()):
        return Scenario(endpoint=endpoint_of(target, api_key_env)), Path()
    if path.is_dir():
        raise UsageError(f"{target} is a folder; llmprobe report {target} shows what a run folder holds")
    if not path.exists():
        raise UsageError(f"{target!r} is no URL, simulated endpoint or file; try http://{target}, or sim")
    from llmprobe.scenario.reader import load_scenario

    return load_scenario(path), path.parent


def aimed(endpoint: Endpoint, other: Endpoint) -> Endpoint:
    """The endpoint of a scenario on another target: what that says holds, and no key goes along."""
    usual = Endpoint(url="")
    said = {field.name: getattr(other, field.name) for field in fields(Endpoint)}
    said = {name: value for name, value in said.items() if value != getattr(usual, name)}
    if other.dialect is None and not is_sim(other.url) and by_address(other.url) is not None:
        said["dialect"] = None  # its address tells, which is said when it is opened
    return replace(endpoint, **(said | {"api_key_env": other.api_key_env}))


def _pasted(command: str, api_key_env: str | None) -> Pasted:
    """Without its key, which the environment must hold."""
    pasted = parse_curl(command)
    if pasted.key_in and api_key_env is None and key_name(pasted.endpoint.url, None) is None:
        raise UsageError(
            f"the curl command has a key in {pasted.key_in}, and llmprobe keeps none: put it in an "
            f"environment variable and name that with --api-key-env {pasted.suggested}"
        )
    return pasted
