"""Faults and healthy variations of shared mailboxes.

They concern the delegate who signs in, SMTP AUTH and Send As (platforms/microsoft.md 2.6).
"""

from collections.abc import Callable
from typing import Final

from practice.faults.fault_context import FaultContext, put
from practice.faults.model import described
from practice.microsoft.world import SHARED_MAILBOX

DELEGATE: Final = "agent@contoso.com"


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


def _broken(breaks: Callable[[FaultContext], None]) -> Callable[[FaultContext], None]:
    """Return the change that breaks a shared mailbox that was set up with its delegate."""

    def apply(ground: FaultContext) -> None:
        _usual(ground)
        breaks(ground)

    return apply


def _delegate_switch(ground: FaultContext) -> None:
    if box := ground.other(DELEGATE).mailbox:
        put(box, smtp_auth_disabled=True)


def _username(ground: FaultContext) -> None:
    """Put the shared mailbox's address into Username, as the documents of IMAP ask for."""
    ground.fill_in(DELEGATE, username=ground.mailbox)


VARIATIONS: Final = described(
    {
        "healthy_shared": shared,
        "healthy_shared_blocked": _usual,
        "healthy_shared_set_up": _usual,
    }
)
FAULTS: Final = described(
    {
        "form_username_shared": _broken(_username),
        "send_as_missing": _broken(lambda ground: put(ground.box, send_as=set())),
        "delegate_smtp_auth_off": _broken(_delegate_switch),
        "delegate_disabled": _broken(lambda ground: put(ground.other(DELEGATE), enabled=False)),
    }
)
