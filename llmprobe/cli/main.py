"""The command line: picks a command, imports its module only then, turns errors into one sentence."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from llmprobe import __version__
from llmprobe.cli import exit_codes
from llmprobe.core.errors import LlmprobeError
from llmprobe.core.scrub import scrub

COMMANDS = {
    "probe": "open the screen on a target (the default command)",
    "run": "replay a scenario without a screen",
    "find": "find the breaking point without a screen",
    "limits": "map the rate limits of a target",
    "check": "say whether a scenario is sound and what it would cost; sends nothing",
    "report": "render a run folder again",
    "sim": "serve the simulated endpoint on loopback",
    "web": "show the screen in a browser on this machine",
    "doctor": "say what this machine can measure, and whether a target answers",
}

_HELP = """\
usage: llmprobe [TARGET] [options]
       llmprobe COMMAND ...

Find how many concurrent users an LLM endpoint holds.

With no command it opens the screen. TARGET is an URL (http://127.0.0.1:8000/v1), a curl command
in quotes, a name of your endpoints.toml, a scenario file, or sim[:PRESET]; nothing means the
built-in simulated endpoint, already running.

commands:
{commands}

options:
  -h, --help     this text; llmprobe COMMAND --help tells a command's options
  --version      the version
  --debug        show the traceback of an error
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    try:
        code = dispatch(arguments)
        sys.stdout.flush()
    except LlmprobeError as error:
        if debug:
            raise
        print(f"llmprobe: {error.message}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = exit_codes.SIGNAL + 2
    except BrokenPipeError:
        # The reader of our output has left (`| head`); a second complaint at exit helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exit_codes.PASSED
    except Exception as error:  # the last resort: whatever it is, a person reads a sentence
        if debug:
            raise
        print(f"llmprobe: internal error: {scrub(repr(error))}; --debug shows where", file=sys.stderr)
        code = exit_codes.INTERNAL
    sys.exit(code)


def dispatch(arguments: list[str]) -> int:
    """Run one command; returns its exit code."""
    first = arguments[0] if arguments else ""
    if first in {"-h", "--help"}:
        rows = (f"  {name:<14} {text}" for name, text in COMMANDS.items())
        print(_HELP.format(commands="\n".join(rows)), end="")
        return exit_codes.PASSED
    if first == "--version":
        print(f"llmprobe {__version__}")
        return exit_codes.PASSED
    name = first if first in COMMANDS else "probe"
    rest = arguments[1:] if first in COMMANDS else arguments
    module = importlib.import_module(f"llmprobe.cli.{name}")
    parser = argparse.ArgumentParser(
        prog=f"llmprobe {name}", description=module.__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    module.add_arguments(parser)
    parser.set_defaults(typed=rest)
    # Intermixed: a target may stand behind the options, too.
    code: int = module.run(parser.parse_intermixed_args(rest))
    return code
