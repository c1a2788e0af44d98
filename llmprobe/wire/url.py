"""Addresses below an endpoint's base URL."""

import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_VERSION = re.compile(r"/v\d+[a-z0-9]*(?:/|$)")


def names_version(base: str) -> bool:
    """Whether its path has a `/v1` or the like in it."""
    return _VERSION.search(urlsplit(base).path) is not None


@lru_cache(maxsize=64)
def below(base: str, path: str, *, instead_of: tuple[str, ...] = (), version: str = "") -> str:
    """`base` with `path` at its end, once, in place of each of `instead_of` that it ends with.

    `version` (`/v1`) comes between them where the base names none. A query stays behind.
    """
    parts = urlsplit(base)
    stem = parts.path.rstrip("/")
    for tail in instead_of:
        stem = stem.removesuffix(tail)
    if not stem.endswith(path):
        stem += path if _VERSION.search(stem) else version + path
    return urlunsplit(parts._replace(path=stem))


def asking(url: str, **query: str | int) -> str:
    """`url` with these in its query, in place of any of the same name."""
    parts = urlsplit(url)
    pairs = dict(parse_qsl(parts.query, keep_blank_values=True)) | query
    return urlunsplit(parts._replace(query=urlencode(pairs)))
