"""Change in Webex Connect that stops mail: a check names it as a suspect, with who and when."""

from __future__ import annotations

import io
import re
import ssl
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from practice.actors import ADMIN
from practice.client import People, links
from practice.conversation import Walk, band, words
from practice.stack import Stack

Json = dict[str, Any]
KIM = "kim@contoso.com"
SUSPECTS = "Changed in Webex Connect shortly before"
NO_PROOF, SIGNED_IN = "These changes are possible causes", "With an administrator's sign-in"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Stack of the whole product, with a message trace that shows each mail at once."""
    with Stack(practice={"trace_delay_s": "0"}) as running:
        yield running


@pytest.fixture(scope="module")
def connected(stack: Stack, people: People) -> Walk:
    """Walk in a space in which support@contoso.com was connected and proven in both directions."""
    walk = Walk(people, "support@contoso.com", "Contact center")
    walk.approve(walk.plan())
    walk.to_the_proof()
    people.control("POST", "snapshot")
    return walk


@pytest.fixture(autouse=True)
def restored(connected: Walk) -> Iterator[None]:
    """Begin every test with an answered mail, and restore the proven channel at its end."""
    mail(connected.people, "Before")
    yield
    connected.people.control("POST", "restore")


def mail(people: People, subject: str) -> None:
    """Send a mail as a customer, and answer it as the agent if it became a task."""
    letter = {"from": "customer@customer.example", "to": "support@contoso.com"}
    people.control("POST", "mail/customer", letter | {"subject": subject, "body": "Hello"})
    tasks = people.control("GET", "agent/tasks")["items"]
    if any(task["subject"] == subject for task in tasks):
        people.control("POST", "agent/answer", {"subject": subject, "body": "We are here."})


def check(walk: Walk) -> Json:
    """Type ``/check``, sign in as the administrator, and return the card of the ended check."""
    first = walk.type("/check support@contoso.com")
    thread = walk.said["id"]
    offered = walk.wait(
        "a check that offers a sign-in",
        lambda m: m["parentId"] == thread and bool(m["card"]) and bool(links(m)),
        40,
        first["change"] - 1,  # the answer may already be the whole card
    )
    walk.people.open_link(ADMIN, links(offered)[0])
    return walk.wait(
        "the whole check",
        lambda m: m["id"] == offered["id"] and SIGNED_IN in words(m) and "ooking" not in words(m),
        40,
        offered["change"],
    )


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_who_changed_the_asset_before_mail_stopped(connected: Walk, method: str) -> None:
    """If answers stop after somebody edited the asset, the check says who edited it and when.

    The change is no cause: the first line says when mail was last proven. The audit log takes one
    method only, and the bot finds out which.
    """
    people = connected.people
    people.control("PATCH", "outside", {"audit_method": method})
    people.control("POST", "connect/app", {"username": "agent@contoso.com", "as": KIM})
    people.control("POST", "connect/generate_token", {"as": "support@contoso.com"})
    edited = datetime.now(UTC)
    people.control("POST", "connect/save", {"as": KIM})
    mail(people, "After")
    card = check(connected)
    told = words(card)
    assert re.search(r"Last proven by an answer on .+ UTC\n", band(card))
    assert (told.count(SUSPECTS), NO_PROOF in told, "Root cause" in told) == (1, True, False)
    part = told.partition(SUSPECTS)[2].partition(NO_PROOF)[0]
    assert ("updateApp" in part, KIM in part, part.count("AL  ")) == (True, True, 1)
    found = re.search(r"(\d+ \w{3} \d\d:\d\d) UTC by", part)
    assert found is not None
    assert found[1] in {
        f"{edited.day} {edited:%b %H:%M}",
        f"{edited.day} {datetime.now(UTC):%b %H:%M}",
    }


def test_a_deleted_asset_and_the_file_for_tac(stack: Stack, connected: Walk) -> None:
    """A deleted asset is named with the cause that it would explain, also in the file for TAC."""
    people = connected.people
    people.control("POST", "fault/connect_asset_deleted")
    mail(people, "After")
    told = words(check(connected))
    part = told.partition(SUSPECTS)[2].partition(NO_PROOF)[0]
    assert "deleteApp" in part
    assert "connect.admin@contoso.com" in part
    assert (
        "It would explain: Webex Connect no longer has an email app with this forwarding address"
        in part
    )
    summary = tac_file(stack, connected)["summary.md"].decode()
    lines = summary.partition("## Changes in Webex Connect")[2].partition("## ")[0]
    assert re.search(r"- \d{4}-\d\d-\d\d [\d:]+ UTC, deleteApp, connect\.admin@contoso\.com", lines)


def tac_file(stack: Stack, walk: Walk) -> dict[str, bytes]:
    """Make the file for Cisco TAC, and return its contents."""
    card = walk.type("/tac support@contoso.com")
    walk.people.press(walk.requester, card, "tac", {})
    posted = walk.wait("a file", lambda each: bool(each["files"]), 20, card["change"])
    address = posted["files"][0].replace("/webex/v1/", "/practice/webex/")
    trusted = ssl.create_default_context(cafile=str(stack.ca_path))
    answer = httpx.get(address, verify=trusted, trust_env=False)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_change_after_which_mail_flows_is_no_suspect(connected: Walk) -> None:
    """A check does not mention a change after which a mail was answered."""
    people = connected.people
    people.control("POST", "connect/save", {"as": KIM})
    mail(people, "After")
    card = check(connected)
    assert "Nothing wrong: mail flows both ways" in band(card)
    assert SUSPECTS not in words(card), words(card)
