"""Plain httpx in the client bench: one AsyncClient, the raw bytes of each stream."""

import time

import httpx

from llmprobe.wire.url import below
from tests.bench.cell import Cell, Measured, Stream, Tally, answer, body, measure


async def client(cell: Cell) -> Measured:
    """All users share the client, as its documentation advises."""
    url = below(cell.url, "/chat/completions")
    models = below(cell.url, "/models", instead_of=("/chat/completions",))
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    http = httpx.AsyncClient(limits=limits, timeout=None, trust_env=False)
    request = body(cell)

    async def ask(tally: Tally, first: bool) -> None:
        sent_ns = time.monotonic_ns()
        async with http.stream("POST", url, json=request) as response:
            response.raise_for_status()
            stream = Stream(tally, sent_ns, first=first)
            async for data in response.aiter_raw():
                stream.feed(data, time.monotonic_ns())

    async def touch() -> None:
        await http.get(models)

    return await measure(cell, ask, touch)


if __name__ == "__main__":
    answer(client)
