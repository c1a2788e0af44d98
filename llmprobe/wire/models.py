"""Which models an endpoint has: `GET .../models`, or where its dialect lists them."""

import anyio
import httpx

from llmprobe.core.errors import EndpointError
from llmprobe.core.scrub import scrub
from llmprobe.wire.dialects.dialect import Dialect
from llmprobe.wire.dialects.faults import error_message
from llmprobe.wire.trouble import FOREIGN, ending_of, secrets_in

_MOST_PAGES = 20
_MAX_BODY = 16 * 1024 * 1024


async def list_models(
    transport: httpx.AsyncBaseTransport,
    spoken: Dialect,
    url: str,
    headers: dict[str, str],
    *,
    timeout_s: float = 10.0,
) -> list[str]:
    """Their names in the endpoint's order; `url` is its base or the full address. Raises `EndpointError`."""
    if (named := spoken.model_in(url)) is not None:
        return [named]
    address = spoken.models_url(url)
    if address is None:
        raise EndpointError(f"{_safe(url, headers)} does not list its models; name one with --model")
    status, body = await fetch(transport, address, headers, timeout_s=timeout_s)
    if status != 200:
        raise EndpointError(_safe(_refusal(address, status, body), headers))
    models = spoken.decode_models(body)
    if models is None:
        raise EndpointError(
            f"{_safe(address, headers)} did not answer with a list of models; name one with --model"
        )
    return models + await more_models(transport, spoken, address, body, headers, timeout_s=timeout_s)


async def more_models(
    transport: httpx.AsyncBaseTransport,
    spoken: Dialect,
    address: str,
    body: bytes,
    headers: dict[str, str],
    *,
    timeout_s: float,
) -> list[str]:
    """Those on the pages behind a first one, `body`; a page that does not come ends them."""
    models: list[str] = []
    for _ in range(_MOST_PAGES):
        following = spoken.next_models(address, body)
        if following is None:
            break
        try:
            status, body = await fetch(transport, following, headers, timeout_s=timeout_s)
        except EndpointError:
            break
        page = spoken.decode_models(body) if status == 200 else None
        if not page:
            break
        models += page
    return models


async def fetch(
    transport: httpx.AsyncBaseTransport, address: str, headers: dict[str, str], *, timeout_s: float
) -> tuple[int, bytes]:
    """Status and body of a GET; raises `EndpointError` where no answer comes."""
    try:
        with anyio.fail_after(timeout_s):
            return await _get(transport, httpx.Request("GET", address, headers=headers))
    except TimeoutError:
        raise EndpointError(f"{_safe(address, headers)} did not answer within {timeout_s:g} s") from None
    except FOREIGN as error:
        raise EndpointError(_safe(ending_of(error, address).error or "", headers)) from None


async def _get(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> tuple[int, bytes]:
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, httpx.AsyncByteStream)
    body = bytearray()
    try:
        async for data in response.stream:
            body += data
            if len(body) > _MAX_BODY:
                break
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()
    return response.status_code, bytes(body)


def _refusal(address: str, status: int, body: bytes) -> str:
    said = f"{address} answered {error_message(status, body)}"
    if status in {401, 403}:
        return f"{said}; name the variable that holds its key with --api-key-env"
    if status in {404, 405}:
        return f"{said}; does the URL lack its /v1? Or name a model with --model"
    return said


def _safe(sentence: str, headers: dict[str, str]) -> str:
    return scrub(sentence, secrets_in(headers))
