"""Which header may be sent: names and values as HTTP has them. Pure."""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


def is_header_name(text: str) -> bool:
    """Whether it may name a header."""
    return bool(_NAME.fullmatch(text))


def is_header_value(text: str) -> bool:
    """Whether it may stand behind a header's name: ASCII on one line."""
    return bool(_VALUE.fullmatch(text))
