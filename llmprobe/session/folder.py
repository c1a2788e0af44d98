"""Run folders: a fresh one for each run."""

from datetime import datetime
from pathlib import Path

from llmprobe.core.errors import LocalError, UsageError

RUNS = "llmprobe-runs"


def make_folder(out: Path | None, name: str, now: datetime) -> Path:
    """Create `./llmprobe-runs/DATE-NAME`, or `out`; never one that holds another run."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"--out {out} exists and is not an empty folder; name another")
        return _create(out, ours=out.exists())
    stem = f"{now:%Y-%m-%dT%H-%M-%S}-{plain_name(name)}"
    folder, count = Path(RUNS) / stem, 1
    while folder.exists():
        count += 1
        folder = Path(RUNS) / f"{stem}-{count}"
    return _create(folder, ours=False)


def plain_name(name: str) -> str:
    """A name that is safe as part of a file name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip("-.") or "probe"


def _create(folder: Path, *, ours: bool) -> Path:
    """Claim it by making it: of two runs that begin at once, one is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=ours)
    except FileExistsError:
        raise UsageError(f"another run took the folder {folder} just now; name another with --out") from None
    except OSError as error:
        raise LocalError(
            f"can't create the run folder {folder}: {error.strerror}; name another with --out"
        ) from error
    return folder
