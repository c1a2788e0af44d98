"""What a refusing answer says, in one line."""

import pytest

from llmprobe.wire.dialects.faults import error_message


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (401, b'{"error":"Unauthorized"}', "HTTP 401: Unauthorized"),
        (404, b'{"error":{"message":"no model","code":"x"}}', "HTTP 404: no model"),
        (400, b'{"object":"error","message":"too long"}', "HTTP 400: too long"),
        (422, b'{"detail":[{"msg":"Field required"}]}', 'HTTP 422: [{"msg":"Field required"}]'),
        (500, b'{"error":{"type":"server_error"}}', "HTTP 500: server_error"),
        (502, b"<html>Bad\n  Gateway</html>", "HTTP 502: <html>Bad Gateway</html>"),
        (503, b"", "HTTP 503: Service Unavailable"),
        (529, b"", "HTTP 529"),
        (500, b"{}", "HTTP 500: Internal Server Error"),
        (500, b"null", "HTTP 500: Internal Server Error"),
        (500, b"\xff", "HTTP 500: \ufffd"),
    ],
)
def test_an_error_is_one_line_however_it_was_sent(status: int, body: bytes, line: str) -> None:
    assert error_message(status, body) == line
