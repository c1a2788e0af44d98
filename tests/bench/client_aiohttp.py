"""aiohttp in the client bench: one session, whatever each read brings."""

import time

import aiohttp  # type: ignore[import-not-found,unused-ignore]  # the extra `bench`

from llmprobe.wire.url import below
from tests.bench.cell import Cell, Measured, Stream, Tally, answer, body, measure


async def client(cell: Cell) -> Measured:
    """All users share the session."""
    url = below(cell.url, "/chat/completions")
    models = below(cell.url, "/models", instead_of=("/chat/completions",))
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
    )
    request = body(cell)

    async def ask(tally: Tally, first: bool) -> None:
        sent_ns = time.monotonic_ns()
        async with http.post(url, json=request) as response:
            response.raise_for_status()
            stream = Stream(tally, sent_ns, first=first)
            async for data in response.content.iter_any():
                stream.feed(data, time.monotonic_ns())

    async def touch() -> None:
        async with http.get(models) as response:
            await response.read()

    return await measure(cell, ask, touch)


if __name__ == "__main__":
    answer(client)
