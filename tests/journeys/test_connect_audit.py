"""Change in Webex Connect that stops mail: a check names it as a suspect, with who and when."""

import re
from datetime import UTC, datetime

import pytest

from practice.conversation import band, words
from tests.fixtures.stacks import checked, tac_file

KIM = "kim@contoso.com"
SUSPECTS = "Changed in Webex Connect shortly before"
NO_PROOF = "These changes are possible causes"
STACK = {"practice": {"trace_delay_s": "0"}}
"""Message trace that shows each mail at once."""


@pytest.fixture(scope="module")
def kept(connected):
    """Walk of the connected channel, which is kept for the end of each test."""
    connected.people.control("POST", "snapshot")
    return connected


@pytest.fixture(autouse=True)
def restored(kept):
    """Begin every test with an answered mail, and restore the proven channel at its end."""
    mail(kept.people, "Before")
    yield
    kept.people.control("POST", "restore")


def mail(people, subject):
    """Send a mail as a customer, and answer it as the agent if it became a task."""
    letter = {"from": "customer@customer.example", "to": "support@contoso.com"}
    people.control("POST", "mail/customer", letter | {"subject": subject, "body": "Hello"})
    tasks = people.control("GET", "agent/tasks")["items"]
    if any(task["subject"] == subject for task in tasks):
        people.control("POST", "agent/answer", {"subject": subject, "body": "We are here."})


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_who_changed_the_asset_before_mail_stopped(connected, method):
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
    card = checked(connected.people)
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


def test_a_deleted_asset_and_the_file_for_tac(connected):
    """A deleted asset is named with the cause that it would explain, also in the file for TAC."""
    people = connected.people
    people.control("POST", "fault/connect_asset_deleted")
    mail(people, "After")
    part = words(checked(connected.people)).partition(SUSPECTS)[2].partition(NO_PROOF)[0]
    assert "deleteApp" in part
    assert "connect.admin@contoso.com" in part
    assert (
        "It would explain: Webex Connect no longer has an email app with this forwarding address"
        in part
    )
    summary = tac_file(connected)["summary.md"].decode()
    lines = summary.partition("## Changes in Webex Connect")[2].partition("## ")[0]
    assert re.search(r"- \d{4}-\d\d-\d\d [\d:]+ UTC, deleteApp, connect\.admin@contoso\.com", lines)
