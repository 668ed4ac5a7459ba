"""Faults and healthy variations of shared mailboxes.

They concern the delegate who signs in, SMTP AUTH and Send As (platforms/microsoft.md 2.6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from practice.faults.accounts import right
from practice.faults.fault_context import FaultContext, put
from practice.faults.model import Fault, Level
from practice.microsoft.world import SHARED_MAILBOX

DELEGATE: Final = "agent@contoso.com"
SET_UP: Final[Mapping[str, str]] = {"delegate": DELEGATE}
SOURCE: Final = "connect.md 1.2; microsoft.md 2.6"


def shared(ground: FaultContext) -> None:
    """Make the mailbox a shared one whose delegate signed in at Generate Token.

    The delegate is also the Username of Webex Connect's form.
    """
    put(ground.box, kind=SHARED_MAILBOX, send_as={DELEGATE})
    if box := ground.other(DELEGATE).mailbox:
        put(box, smtp_auth_disabled=False)
    ground.fill_in(DELEGATE, username=DELEGATE, login_id=DELEGATE)


def _usual(ground: FaultContext) -> None:
    """Make the mailbox a shared one in its usual state.

    The mailbox's own account is blocked and has no license, and the grant belongs to the delegate.
    """
    delegate = ground.other(DELEGATE).id
    ground.set_grants(lambda grant: grant | {"consentType": "Principal", "principalId": delegate})
    shared(ground)
    put(ground.user, enabled=False, licensed=False)


def _broken(
    name: str,
    what: str,
    breaks: Callable[[FaultContext], None],
    cause: str,
    level: Level = Level.CAUSE,
) -> Fault:
    """Return a fault of a shared mailbox that was set up with its delegate."""

    def apply(ground: FaultContext) -> None:
        _usual(ground)
        breaks(ground)

    return Fault(name, SOURCE, what, apply, (cause,), "answer", name, level, set_up=dict(SET_UP))


def _delegate_switch(ground: FaultContext) -> None:
    if box := ground.other(DELEGATE).mailbox:
        put(box, smtp_auth_disabled=True)


def _username(ground: FaultContext) -> None:
    """Put the shared mailbox's address into Username, as the documents of IMAP ask for."""
    ground.fill_in(DELEGATE, username=ground.mailbox)


VARIATIONS: Final = (
    right("shared", "a shared mailbox; a delegate's token sends as it", shared, SOURCE),
    right(
        "shared_blocked",
        (
            "a shared mailbox as they usually are: its own account is blocked and has no license, "
            "and only its delegate has the grant"
        ),
        _usual,
        SOURCE,
    ),
    right("shared_set_up", "the same, set up by the bot with its delegate", _usual, SOURCE, SET_UP),
)
FAULTS: Final = (
    _broken(
        "form_username_shared",
        "Username in the form is the shared mailbox",
        _username,
        "form_username_shared",
        Level.UNSEEN,
    ),
    _broken(
        "send_as_missing",
        "the delegate has no Send As on the shared mailbox",
        lambda ground: put(ground.box, send_as=set()),
        "send_as_missing",
    ),
    _broken(
        "delegate_smtp_auth_off",
        "somebody turned SMTP AUTH off for the delegate's own mailbox",
        _delegate_switch,
        "smtp_auth_off_for_mailbox",
    ),
    _broken(
        "delegate_disabled",
        "the delegate's account may not sign in any more",
        lambda ground: put(ground.other(DELEGATE), enabled=False),
        "account_disabled",
    ),
)
