"""Tests of the software bill of materials: its components are the packages in requirements.txt."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot import __version__
from tests.fixtures.parsed import tool

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    """Return the bill of materials of the project."""
    found: dict[str, Any] = json.loads((ROOT / "deploy/sbom.cdx.json").read_text(encoding="utf-8"))
    return found


def test_the_file_is_up_to_date():
    """The bill of materials is exactly the file that ``make sbom`` writes now."""
    assert (ROOT / "deploy/sbom.cdx.json").read_text("utf-8") == tool("sbom").page(), (
        "run `make sbom`"
    )


def test_its_components_are_the_locked_packages(bill: dict[str, Any]):
    """The bill of materials has each locked package once.

    Each has its version and every hash that pip accepts.
    """
    pinned = sorted(re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", LOCK, re.MULTILINE))
    hashes = {
        each["content"]
        for one in bill["components"]
        for reference in one["externalReferences"]
        for each in reference["hashes"]
    }
    assert sorted((each["name"], each["version"]) for each in bill["components"]) == pinned
    assert len(pinned) > 30
    assert hashes == set(re.findall(r"sha256:(\w+)", LOCK))
    assert all(
        each["purl"] == f"pkg:pypi/{each['name']}@{each['version']}" for each in bill["components"]
    )


def test_it_says_what_needs_what(bill: dict[str, Any]):
    """The graph of dependencies begins with this version of the product.

    The graph reaches every component.
    """
    root = bill["metadata"]["component"]
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = set(), [root["bom-ref"]]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs[ref]
    assert (root["name"], root["version"]) == ("webex-email-bot", __version__)
    assert reached == {root["bom-ref"], *(each["bom-ref"] for each in bill["components"])}
    assert any("httpx" in ref for ref in needs[root["bom-ref"]])


def test_a_package_for_some_machines_says_so():
    """The marker of a requirement becomes a property of its component.

    The parents are read from both forms of ``via``.
    """
    lock = (
        f"one==1.0 ; sys_platform != 'win32' \\\n    --hash=sha256:{'a' * 64}\n    # via two\n"
        f"two==2.0 \\\n    --hash=sha256:{'b' * 64}\n    # via\n    #   webex-email-bot (pyproject.toml)\n"
        "    #   one\n"
    )
    first, second = tool("sbom").packages(lock)
    assert (first.marker, first.needed_by, first.hashes) == (
        "sys_platform != 'win32'",
        ("two",),
        ("a" * 64,),
    )
    assert (second.marker, second.needed_by) == ("", ("webex-email-bot", "one"))
    assert tool("sbom").component(first)["properties"] == [
        {"name": "pip:marker", "value": "sys_platform != 'win32'"}
    ]
