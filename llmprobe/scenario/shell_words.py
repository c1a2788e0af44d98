"""The words of one shell command, as bash splits it. Nothing is expanded, nothing is run. Pure."""

import re

_PIECE = re.compile(
    r"""(?P<space> (?:\s | \\(?:\r\n|\r|\n))+ )
    | '(?P<single> [^']* )'
    | \$'(?P<ansi> (?:[^'\\] | \\.)* )'
    | \$?"(?P<double> (?:[^"\\] | \\.)* )"
    | \\(?P<escaped> . )
    | (?P<operator> [|;&<>()] )
    | (?P<plain> [^\s'"\\|;&<>()$]+ | \$ )""",
    re.VERBOSE | re.DOTALL,
)
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})|(.))", re.DOTALL
)
_ANSI_NAMED = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_LONGEST = 1_000_000


def words(command: str) -> list[str]:
    """Those before a pipe or a redirection of the output; raises `ValueError` where it is not one command."""
    if len(command) > _LONGEST:
        raise ValueError("is longer than any command")
    found: list[str] = []
    word: str | None = None
    at = 0
    while at < len(command):
        piece = _PIECE.match(command, at)
        if piece is None:
            raise ValueError(
                "opens a quote that it never closes" if command[at] in "'\"$" else "ends in the middle"
            )
        at = piece.end()
        match piece.lastgroup:
            case "space":
                found += [] if word is None else [word]
                word = None
            case "operator" if piece["operator"] in "|>" and not command.startswith("||", piece.start()):
                # The 2 of `2>/dev/null` is no word.
                return found + (
                    [] if word is None or (piece["operator"] == ">" and word.isdecimal()) else [word]
                )
            case "operator":
                raise ValueError(
                    "is more than one command; paste the curl command alone, its address in quotes"
                )
            case kind:
                word = (word or "") + _text(str(kind), str(piece[str(kind)]))
    return found + ([] if word is None else [word])


def _text(kind: str, raw: str) -> str:
    if kind == "ansi":
        return _ANSI.sub(_ansi, raw)
    if kind == "double":
        return re.sub(r'\\(?:\r\n|\r|\n|([$`"\\]))', lambda escape: escape[1] or "", raw)
    return raw


def _ansi(escape: re.Match[str]) -> str:
    two, four, eight, octal, other = escape.groups()
    if other is not None:
        return _ANSI_NAMED.get(other, other if other in "\\'\"?" else escape[0])
    number = int(octal, 8) if octal else int(two or four or eight, 16)
    # Beyond Unicode bash makes up bytes; no request holds them.
    return chr(number) if number <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
