"""Article row M3: forwarding of all arriving mail to Webex Connect."""

from __future__ import annotations

import pytest

from jobs.clouds.errors import NotFound
from jobs.model import Change, Scope, Text
from jobs.runs.run import RecordedChange
from jobs.steps.forwarding import Forwarding
from tests.unit.jobs.conftest import Given

STEP = Forwarding()


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
