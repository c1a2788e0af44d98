"""What every test may ask for."""

import pytest
from hypothesis import settings

# A slow machine is no finding.
settings.register_profile("llmprobe", deadline=None)
settings.load_profile("llmprobe")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop that llmprobe runs on."""
    return "asyncio"
