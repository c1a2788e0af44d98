"""What each drawn glyph becomes on a terminal that has ASCII only: one cell for one cell."""

import locale
from collections.abc import Mapping

_GLYPHS = {
    "▶": ">", "■": "#", "◌": "~", "✖": "x", "✓": "+", "↯": "!", "▸": ">", "▲": "^", "↺": "@", "·": "-",
    "●": "o", "○": ".", "◇": "v", "━": "=", "─": "-", "┈": "-", "┊": ":", "│": "|", "▏": "|", "…": "~",
    "÷": "/", "\N{MULTIPLICATION SIGN}": "x", "←": "<", "→": ">", "↑": "^", "↓": "v", "≤": "<", "≥": ">",
    "\N{EN DASH}": "-", "—": "-", "±": "+", "µ": "u",
    "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#", "█": "#", "░": ".", "⏎": "<",
}  # fmt: skip
_FEW_GLYPHS = frozenset({"linux", "vt100", "vt220"})
"""Terminals with a font of 256 or 512 glyphs: bars and braille are not among them."""
_DENSITY = " ..::*##@"


class AsciiTable:
    """For `str.translate`: the glyphs above, braille by its density, `?` for all other characters."""

    def __getitem__(self, code: int) -> str:
        """What to write for a character."""
        if code < 0x80:
            return chr(code)
        if 0x2800 <= code <= 0x28FF:
            return _DENSITY[(code - 0x2800).bit_count()]
        return _GLYPHS.get(chr(code), "?")


def wants_ascii(environ: Mapping[str, str]) -> bool:
    """Whether LLMPROBE_ASCII says so (1 or 0), else whether the terminal's font or the locale has no more."""
    if asked := environ.get("LLMPROBE_ASCII"):
        return asked != "0"
    if environ.get("TERM") in _FEW_GLYPHS:
        return True
    return locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "") != "utf8"
