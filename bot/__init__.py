"""Conversation in Webex: incoming webhooks, commands and card buttons, and outgoing cards.

RQ reads the prefix of its keys from the environment while it is imported. So this package sets the
prefix before it imports any other module. httpx would import its command line with click, 2 MiB, and httpcore
and msal would look on the disk at each request for two packages that nobody has.
"""

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from jobs.storage import keys

__version__ = "0.1.0"
"""Version of the bot. It is written down only here, and the package's metadata is made from it."""

os.environ[keys.RQ_VARIABLE] = keys.RQ_PREFIX
for each in ("httpx._main", "sniffio", "msal_extensions"):
    sys.modules.setdefault(each, None)  # type: ignore[arg-type]  # Python's way to refuse an import


def table(module: str, name: str = "") -> dict[str, Any]:
    """Return the TOML file next to a module, of the same name unless another is given."""
    path = Path(module)
    return tomllib.loads(path.with_name(f"{name or path.stem}.toml").read_text(encoding="utf-8"))


def program() -> str:
    """Return how this process was started, for advice that names a command."""
    installed = Path(sys.argv[0]).stem == "webex-email-bot"
    return "webex-email-bot" if installed else "python -m bot"
