"""Addresses below an endpoint's base URL."""

from urllib.parse import urlsplit, urlunsplit


def below(base: str, path: str, *, instead_of: str = "") -> str:
    """`base` with `path` at its end, once, in place of `instead_of` if it ends so; a query stays behind."""
    parts = urlsplit(base)
    stem = parts.path.rstrip("/")
    if instead_of:
        stem = stem.removesuffix(instead_of)
    return urlunsplit(parts._replace(path=stem if stem.endswith(path) else stem + path))
