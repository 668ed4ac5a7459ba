"""Article row M3: forwarding of all arriving mail to Webex Connect."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.clouds.errors import NotFound
from jobs.model import Change, Channel, Finding, Scope, State, Text
from jobs.runs.run import RecordedChange
from jobs.steps.forwarding import Forwarding
from tests.unit.jobs.conftest import Cloud, Given

STEP = Forwarding()
TARGET = "x1@mail.webexconnect.io"
ON = {
    "ForwardingSmtpAddress": f"smtp:{TARGET}",
    "ForwardingAddress": None,
    "DeliverToMailboxAndForward": True,
}


@pytest.mark.parametrize(
    "row",
    [ON, ON | {"ForwardingSmtpAddress": TARGET.upper(), "DeliverToMailboxAndForward": "True"}],
)
async def test_forwarding_with_a_copy_holds(given: Given, cloud: Cloud, row: object):
    """Forwarding is OK with or without ``smtp:`` and in any letter case."""
    cloud.on("Get-Mailbox", [row])
    values = {"smtp": TARGET, "internal": "", "keeps": "true"}
    assert await STEP.inspect(given()) == Finding(
        "forwarding", State.OK, seen=Text("seen.forwarding_keeps"), values=values
    )


@pytest.mark.parametrize(
    ("row", "seen", "cause"),
    [
        (
            ON | {"ForwardingAddress": "Sales"},
            Text("seen.forwarding_overridden", {"address": "Sales"}),
            "forwarding_address_wins",
        ),
        (
            ON | {"ForwardingAddress": "Jane Doe", "ForwardingSmtpAddress": "smtp:Old@x.io"},
            Text("seen.forwarding_overridden_two", {"address": "Jane Doe", "external": "old@x.io"}),
            "forwarding_address_wins",
        ),
        (
            ON | {"ForwardingSmtpAddress": "smtp:o@x.io"},
            Text("seen.forwards_to", {"address": "o@x.io"}),
            "not_forwarded",
        ),
        (ON | {"ForwardingSmtpAddress": None}, Text("seen.none"), "not_forwarded"),
        (ON | {"DeliverToMailboxAndForward": False}, Text("seen.keeps_none"), "copy_differs"),
    ],
)
async def test_what_may_be_wrong(
    given: Given, cloud: Cloud, row: dict[str, object], seen: Text, cause: str
):
    """Forwarding is wrong if an internal address overrides it.

    Another target, no target, or a missing copy in the mailbox is wrong as well.
    """
    cloud.on("Get-Mailbox", [row])
    found = await STEP.inspect(given())
    assert (found.state, found.seen, found.cause) == (State.WRONG, seen, cause)


async def test_what_was_there_is_kept(given: Given, cloud: Cloud):
    """The finding records all three forwarding values for an undo."""
    cloud.on("Get-Mailbox", [ON | {"ForwardingAddress": "Sales"}])
    assert (await STEP.inspect(given())).values == {
        "smtp": TARGET,
        "internal": "Sales",
        "keeps": "true",
    }


@pytest.mark.parametrize(("keep", "word"), [(True, "$true"), (False, "$false")])
async def test_all_three_values_are_set_at_once(
    given: Given, channel: Channel, cloud: Cloud, keep: bool, word: str
):
    """One request sets all three forwarding values.

    The plan shows the request as a PowerShell command.
    """
    cloud.on("Get-Mailbox", [{}])
    ctx = given(channel=replace(channel, keep_copy=keep))
    found = await STEP.inspect(ctx)
    command = (
        f"Set-Mailbox support@contoso.com -ForwardingAddress $null -ForwardingSmtpAddress smtp:{TARGET} "
        f"-DeliverToMailboxAndForward {word}"
    )
    after = Text("after.forwarding_keeps" if keep else "after.forwarding", {"address": TARGET})
    line = Change(
        "forwarding",
        "M3",
        Text("step.forwarding"),
        Text("seen.none"),
        after,
        Scope.MAILBOX,
        command,
    )
    assert STEP.plan(ctx, found) == (line,)
    await STEP.apply(ctx, found)
    values = {
        "ForwardingAddress": None,
        "ForwardingSmtpAddress": f"smtp:{TARGET}",
        "DeliverToMailboxAndForward": keep,
    }
    assert cloud.writes == [("Set-Mailbox", {"Identity": "support@contoso.com"} | values)]


def test_an_undo_names_the_addresses_as_powershell_takes_them(given: Given):
    """The command of an undo quotes a name with a space, which would otherwise be two arguments."""
    was = {"internal": "Jane Doe", "smtp": "old@x.io", "keeps": "false"}
    line = Change("forwarding", "M3", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "x")
    command = STEP.undo_command(
        given(kind="undo"), RecordedChange("forwarding", line, Text("b"), was, {}, ("R1",))
    )
    where = "-ForwardingAddress 'Jane Doe' -ForwardingSmtpAddress smtp:old@x.io"
    assert command == f"Set-Mailbox support@contoso.com {where} -DeliverToMailboxAndForward $false"


async def test_a_mailbox_that_is_not_there_is_not_forwarded_wrongly(given: Given):
    """A missing mailbox raises ``NotFound``, because its forwarding is unknown.

    Another step reports the missing mailbox.
    """
    with pytest.raises(NotFound):
        await STEP.inspect(given())
