"""Hosts that are not Webex Connect's, and the people who confirmed them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jobs.channel.connect_hosts import confirmation, foreign_hosts, unconfirmed_hosts
from jobs.model import Channel, Person, RunKind
from jobs.runs.plan import FOREIGN_HOSTS
from jobs.runs.run import Reply, Run

AT = datetime(2026, 11, 25, 9, tzinfo=UTC)
CHANNEL = Channel("support@contoso.com", "https://a.example/callback", "x@b.example")
RUN = Run("R1", CHANNEL, Person("p1", "anna@contoso.com"), AT)


@pytest.mark.parametrize(
    ("kind", "hosts"),
    [
        (RunKind.SETUP, ("a.example", "b.example")),
        (RunKind.FIX, ("a.example", "b.example")),
        (RunKind.UNDO, ()),
    ],
)
def test_an_undo_names_no_hosts(kind: RunKind, hosts: tuple[str, ...]):
    """An undo needs no confirmation of hosts, because it removes the addresses.

    Afterward nothing goes to these hosts.
    """
    assert foreign_hosts(replace(RUN, kind=kind), ()) == hosts


def test_the_setting_makes_a_host_known():
    """A host in the setting CONNECT_HOSTS needs no confirmation."""
    assert foreign_hosts(RUN, ("*.example",)) == ()
    assert foreign_hosts(RUN, ("a.example",)) == ("b.example",)


@pytest.mark.parametrize(
    ("confirmed", "left"),
    [
        ("", ("a.example", "b.example")),
        ("a.example b.example", ()),
        ("b.example", ("a.example",)),
        ("a.example.b.example", ("a.example", "b.example")),
    ],
)
def test_a_confirmation_counts_for_its_hosts(confirmed: str, left: tuple[str, ...]):
    """A confirmation counts only for the hosts that it names.

    Another host in a later plan needs another confirmation.
    """
    reply = Reply(confirmed, "boss@contoso.com", AT)
    run = replace(RUN, answers={FOREIGN_HOSTS: reply} if confirmed else {})
    assert unconfirmed_hosts(run, ()) == left
    assert confirmation(run) == (reply if confirmed else None)
