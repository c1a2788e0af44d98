"""The table of report formats: a new one is a file and a line here."""

from collections.abc import Callable

from llmprobe.report import to_json, to_markdown, to_text
from llmprobe.report.result import Result

FORMATS: dict[str, Callable[[Result], str]] = {
    "text": to_text.render,
    "json": to_json.render,
    "markdown": to_markdown.render,
}
