"""What every test may ask for."""

import pytest
from hypothesis import settings

# A slow machine is no finding; and the same tests are the same examples, so that none fails by chance.
settings.register_profile("llmprobe", deadline=None, derandomize=True)
# pytest --hypothesis-profile=search looks for new ones.
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("llmprobe")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop that llmprobe runs on."""
    return "asyncio"
