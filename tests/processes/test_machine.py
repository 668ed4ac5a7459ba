"""What a person is told if the machine lacks a program that the practice page needs.

In these tests a PATH of the test's own replaces the real programs.
"""

import pytest

from practice.page import chromium, packages
from practice.page.machine import Machine, MissingError


def program(path, code):
    """Write a program that runs this code."""
    path.write_text(f"#!/bin/sh\n{code}\n", "utf-8")
    path.chmod(0o755)


def test_no_way_to_npm_is_said(tmp_path):
    """Without Node.js and without a package index, the error names both.

    Nothing counts as installed.
    """
    (tmp_path / "package-lock.json").write_text("{}", "utf-8")
    program(tmp_path / "python", "echo no route to the index >&2; exit 1")
    missing = r"(?s)install Node.js 20 or newer.*no route to the index"
    with pytest.raises(MissingError, match=missing):
        packages.ensure(Machine(str(tmp_path), tmp_path / "python", root=True), tmp_path)
    assert not (tmp_path / packages.STAMP).exists()


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
def test_no_way_to_chromium_is_said(tmp_path, apt, root, words):
    """If Chromium cannot be installed, the error gives the reason and the way on for a person."""
    if apt:
        program(tmp_path / "apt-get", apt)
    with pytest.raises(MissingError, match=f"(?s)no Chromium on this machine.*{words}"):
        chromium.find(Machine(str(tmp_path), tmp_path / "python", root))
