"""Programs that the practice page needs, and how it finds them.

In these tests a PATH of the test's own replaces the real programs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from practice.page import chromium, packages
from practice.page.machine import Machine, MissingError

SAYS = '#!/bin/sh\necho "${0##*/} $*" >> "{log}"\n{then}\n'


class Box:
    """Machine with only the programs that a test puts there; each program records its calls."""

    def __init__(self, folder: Path) -> None:
        self.programs, self.python, self.log = (
            folder / "bin",
            folder / "venv" / "python",
            folder / "log",
        )
        self.checkout = folder / "checkout"
        for made in (self.programs, self.python.parent, self.checkout / "node_modules"):
            made.mkdir(parents=True)
        (self.checkout / "package-lock.json").write_text("{}", "utf-8")

    def put(self, path: Path, then: str = "exit 0") -> None:
        """Write a program that records its call and then runs this code."""
        path.write_text(SAYS.replace("{log}", str(self.log)).replace("{then}", then), "utf-8")
        path.chmod(0o755)

    def machine(self, *, root: bool = True) -> Machine:
        """Return the machine with these programs."""
        return Machine(str(self.programs), self.python, root)

    def said(self) -> list[str]:
        """Return the recorded program calls, in order."""
        return self.log.read_text("utf-8").splitlines() if self.log.exists() else []


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Empty machine."""
    return Box(tmp_path)


NPM = "npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel error"
PIP = f"python -m pip --disable-pip-version-check install --quiet {packages.NODE}"


@pytest.mark.parametrize("there", [(), ("npm",), ("node",)])
def test_without_node_npm_comes_from_pypi(box: Box, there: tuple[str, ...]):
    """If node or npm is missing, pip installs both, and the next checkout uses that npm too."""
    for name in there:
        box.put(box.programs / name, "exit 1")
    made = box.python.parent / "npm"
    box.put(box.python, f'/bin/cp "{box.python.parent}/kept" "{made}"')
    box.put(box.python.parent / "kept")
    packages.ensure(box.machine(), box.checkout)
    (box.checkout / packages.STAMP).unlink()
    packages.ensure(box.machine(), box.checkout)
    assert box.said() == [PIP, NPM, NPM]


def test_no_way_to_npm_is_said(box: Box):
    """Without Node.js and without a package index, the error names both.

    Nothing counts as installed.
    """
    box.put(box.python, "echo no route to the index >&2; exit 1")
    with pytest.raises(
        MissingError, match=r"(?s)install Node.js 20 or newer.*no route to the index"
    ):
        packages.ensure(box.machine(), box.checkout)
    assert not (box.checkout / packages.STAMP).exists()


def test_chromium_of_the_machine_is_used(box: Box):
    """An installed Chromium is used under any of its names, and nothing is installed."""
    box.put(box.programs / "google-chrome")
    assert chromium.find(box.machine(root=False)) == str(box.programs / "google-chrome")
    assert box.said() == []


def test_root_installs_chromium(box: Box):
    """If the machine has no Chromium, root installs Debian's package."""
    browser = box.programs / "chromium"
    box.put(
        box.programs / "apt-get", f'[ "$1" = install ] && /bin/ln -s /bin/true "{browser}"; exit 0'
    )
    assert chromium.find(box.machine()) == str(browser)
    assert box.said() == ["apt-get update -qq", "apt-get install -y -qq chromium fonts-inter"]


@pytest.mark.parametrize(
    ("apt", "root", "words"),
    [
        ("", True, "no apt-get to install it with"),
        ("exit 0", False, "sudo apt-get install chromium fonts-inter"),
        (
            "echo cannot resolve deb.debian.org >&2; exit 100",
            True,
            "it cannot be installed: .*cannot resolve deb.debian.org",
        ),
        ("exit 0", True, "chromium and fonts-inter did not bring it"),
    ],
)
def test_no_way_to_chromium_is_said(box: Box, apt: str, root: bool, words: str):
    """If Chromium cannot be installed, the error gives the reason and the way on for a person."""
    if apt:
        box.put(box.programs / "apt-get", apt)
    with pytest.raises(MissingError, match=f"(?s)no Chromium on this machine.*{words}"):
        chromium.find(box.machine(root=root))
