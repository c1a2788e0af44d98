"""The simulated endpoint over HTTP: connections, routes, and what is answered without the model.

POST the dialects' paths    GET their lists of models    GET /health    GET /metrics
"""

import asyncio
import errno
import os
from collections.abc import Callable

import msgspec

from llmprobe.core.errors import LocalError
from llmprobe.sim import http1, routes
from llmprobe.sim.endpoint import Endpoint, Service
from llmprobe.sim.http1 import BadRequestError, Request, RequestParser
from llmprobe.telemetry.open_files import raise_open_files
from llmprobe.wire.dialects.dialect import Dialect, Failure, MalformedRequestError

HOST = "127.0.0.1"
_BACKLOG = 4096
"""A thousand users may connect at once; a queue that overflows costs each of them a second."""
_OPEN = ("/health", "/metrics")
"""Need no key."""


async def serve(service: Service, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve on loopback until cancelled; `on_ready` gets the API's base URL. Port 0 is any free one.

    Raises `LocalError` when the port can't be had.
    """
    raise_open_files()
    loop = asyncio.get_running_loop()
    endpoint = Endpoint(service)
    connections: set[Connection] = set()
    try:
        server = await loop.create_server(
            lambda: Connection(endpoint, connections), HOST, port, backlog=_BACKLOG
        )
    except OSError as error:
        raise LocalError(_no_port(port, error)) from error
    try:
        on_ready(f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1")
        await asyncio.Event().wait()
    finally:
        server.close()
        endpoint.close()
        for connection in list(connections):
            connection.hang_up()


def _no_port(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {HOST} is in use; choose another with --port, or 0 for any free one"
    return f"can't listen on {HOST}:{port}: {os.strerror(error.errno or 0)}"


class Connection(asyncio.Protocol):
    """One client: a request at a time, the next one only behind its answer."""

    def __init__(self, endpoint: Endpoint, connections: set["Connection"]) -> None:
        self._endpoint = endpoint
        self._connections = connections
        self._parser = RequestParser()
        self._transport: asyncio.Transport
        self._busy = False
        self._keep_alive = True
        self._request_id: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The client is gone, or we hung up."""
        self._connections.discard(self)
        self._busy = True
        self._forget()

    def pause_writing(self) -> None:
        """The client does not read: don't pile up what it never takes."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read requests; one that comes during an answer waits."""
        self._parser.feed(data)
        if not self._busy:
            self._next()

    def write(self, data: bytes, /) -> None:
        """Send bytes; to a client that is gone already, nothing."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def answered(self) -> None:
        """Free for the next request; later, because events of the model are being told right now."""
        self._request_id = None
        if self._keep_alive:
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._transport.close()

    def hang_up(self) -> None:
        """End the connection behind what was sent."""
        self._transport.close()

    def _go_on(self) -> None:
        if not self._transport.is_closing():
            self._busy = False
            self._next()

    def _forget(self) -> None:
        if self._request_id is not None:
            self._endpoint.forget(self._request_id)
            self._request_id = None

    def _next(self) -> None:
        """Take the next request that is whole, if there is one, and answer it."""
        try:
            request = self._parser.next()
        except BadRequestError as error:
            self._keep_alive = False
            self._busy = True
            self._send(error.status, {"detail": error.message})
            return
        if request is None:
            if self._parser.wants_continue():
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        self._busy = True
        self._keep_alive = request.keep_alive
        self._route(request)

    def _route(self, request: Request) -> None:
        path, key = request.path, self._endpoint.service.api_key
        spoken, listed = routes.speaks(path), routes.lists(path, request.headers)
        if key is not None and path not in _OPEN and not routes.brings(request.headers, key):
            self._fail(Failure(401, "Unauthorized", "authentication_error", 401), spoken or listed)
        elif spoken is None and listed is None and path not in _OPEN:
            self._send(404, {"detail": "Not Found"})
        elif request.method != ("POST" if spoken is not None else "GET"):
            self._send(405, {"detail": "Method Not Allowed"})
        elif spoken is not None:
            self._ask(spoken, path, request.body)
        elif listed is not None:
            self._send_bytes(200, listed.encode_models(self._endpoint.service.model))
        else:
            self._tell(path)

    def _tell(self, path: str) -> None:
        """What needs no key."""
        if path == "/health":
            self._send(200, {"status": "ok"})
            return
        text = "".join(
            f"# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {value}\n"
            for name, (kind, value) in self._endpoint.gauges().items()
        )
        self._send_bytes(200, text.encode(), content_type="text/plain; version=0.0.4")

    def _ask(self, dialect: Dialect, path: str, body: bytes) -> None:
        model = self._endpoint.service.model
        try:
            asked = dialect.decode_request(path, body)
        except MalformedRequestError as error:
            self._fail(Failure(400, str(error), "BadRequestError", 400), dialect)
            return
        if asked.model not in {model, ""}:
            message = f"The model `{asked.model}` does not exist. This endpoint serves `{model}`."
            self._fail(Failure(404, message, "NotFoundError", 404), dialect)
            return
        if asked.max_tokens is not None and asked.max_tokens < 1:
            message = f"max_tokens must be at least 1, got {asked.max_tokens}."
            self._fail(Failure(400, message, "BadRequestError", 400), dialect)
            return
        answer = self._endpoint.ask(asked, dialect, self, keep_alive=self._keep_alive)
        if isinstance(answer, Failure):
            self._fail(answer, dialect)
        else:
            self._request_id = answer

    def _fail(self, failure: Failure, dialect: Dialect | None) -> None:
        """Refuse, in the words of the dialect where one was spoken."""
        if dialect is None:
            self._send(failure.status, {"error": failure.message})
        else:
            self._send_bytes(failure.status, dialect.encode_error_body(failure), headers=failure.headers)

    def _send(self, status: int, value: object) -> None:
        self._send_bytes(status, msgspec.json.encode(value))

    def _send_bytes(
        self,
        status: int,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:
        out = http1.response(status, body, headers, content_type=content_type, keep_alive=self._keep_alive)
        self.write(out)
        self.answered()
