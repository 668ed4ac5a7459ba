"""Words of bounces and of SMTP replies, with their causes (bounces.toml)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROWS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
