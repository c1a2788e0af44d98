"""Makes the README's picture from a real run: `python tests/snapshots/picture.py`, about a minute.

The screen runs on the built-in endpoint and is moved by its keys, as a person would.
"""

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path

from llmprobe.core.scenario import Endpoint, Scenario
from llmprobe.session.opening import Options, open_session
from llmprobe.session.session import Session
from llmprobe.tui.app import ProbeApp

_SIZE = (120, 36)
_MOVES = (("plus", 9.0), ("plus", 9.0), ("right", 1.0), ("plus", 14.0), ("minus", 8.0))


async def _draw(picture: Path) -> None:
    async def opener(scenario: Scenario) -> Session:
        return await open_session(scenario, Options())

    app = ProbeApp(opener, Scenario(endpoint=Endpoint(url="sim:small-gpu")), autostart=True)
    async with app.run_test(size=_SIZE) as pilot:
        await asyncio.sleep(12.0)
        for key, seconds in _MOVES:
            await pilot.press(key)
            await asyncio.sleep(seconds)
        drawn = app.export_screenshot(title="llmprobe")
        # A picture that fetches fonts from elsewhere would look different without a network.
        picture.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    picture = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("probe.svg")).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        asyncio.run(_draw(picture))


if __name__ == "__main__":
    main()
