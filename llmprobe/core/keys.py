"""Which key may go where. A key is sent only to the host it was meant for; loopback gets none unless asked.

Only names of environment variables are known here, never what they hold.
"""

import re
from urllib.parse import urlsplit

from llmprobe.core.errors import UsageError
from llmprobe.core.scrub import looks_like_key
from llmprobe.core.target import host_of, is_loopback, is_sim

KEY_OF_HOST = {
    "api.openai.com": "OPENAI_API_KEY",
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.together.ai": "TOGETHER_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "api.fireworks.ai": "FIREWORKS_API_KEY",
    "api.cerebras.ai": "CEREBRAS_API_KEY",
    "api.x.ai": "XAI_API_KEY",
    "api.cohere.com": "COHERE_API_KEY",
    "api.perplexity.ai": "PERPLEXITY_API_KEY",
    "router.huggingface.co": "HF_TOKEN",
    "integrate.api.nvidia.com": "NVIDIA_API_KEY",
}
"""Whole host names only: a name under a shared domain may belong to anyone."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def key_name(url: str, api_key_env: str | None) -> str | None:
    """The environment variable whose key may be sent to `url`: the one asked for, else by host, else None.

    Raises `UsageError` when that key would cross a network in the clear, or when the name is none.
    """
    if is_sim(url):
        return None
    if api_key_env is not None:
        check_env_name(api_key_env)
    host = host_of(url)
    name = api_key_env if api_key_env is not None else KEY_OF_HOST.get(host)
    if name is not None and urlsplit(url).scheme != "https" and not is_loopback(url):
        raise UsageError(
            f"http://{host} would carry the key in ${name} in the clear; "
            f"write https://, or reach it through a tunnel on 127.0.0.1"
        )
    return name


def check_env_name(name: str) -> None:
    """Raise `UsageError` unless `name` may name an environment variable; a key put there is not repeated."""
    if looks_like_key(name) or not _ENV_NAME.fullmatch(name):
        raise UsageError(
            "the key's place takes the name of an environment variable, as in LLM_KEY, never the key itself"
        )
