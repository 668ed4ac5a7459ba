"""Chromium for the browser tests: the installed one, or Debian's package if it can be installed."""

from pathlib import Path
from typing import Final

from practice.page.machine import Machine, MissingError, alone

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES: Final = ("chromium", "fonts-inter")
ROOT: Final = Path("/")


def find(machine: Machine) -> str:
    """Return the path of Chromium, which is installed first if that is needed and allowed.

    Raises:
        MissingError: with the reason, when Chromium is not available.
    """
    return machine.find(*NAMES) or _install(machine)


def _install(machine: Machine) -> str:
    apt = machine.find("apt-get")
    if not apt:
        raise MissingError("no Chromium on this machine, and no apt-get to install it with")
    if not machine.root:
        raise MissingError(
            "no Chromium on this machine. Install it (Debian, Ubuntu: sudo apt-get "
            f"install {' '.join(PACKAGES)})"
        )
    try:
        with alone(Path(__file__)):
            if not machine.find(*NAMES):
                machine.run(apt, "update", "-qq", folder=ROOT)
                machine.run(
                    apt,
                    "install",
                    "-y",
                    "-qq",
                    *PACKAGES,
                    folder=ROOT,
                    DEBIAN_FRONTEND="noninteractive",
                )
    except MissingError as error:
        raise MissingError(
            f"no Chromium on this machine, and it cannot be installed: {error}"
        ) from error
    if found := machine.find(*NAMES):
        return found
    raise MissingError(
        f"no Chromium on this machine, and {' and '.join(PACKAGES)} did not bring it"
    )
