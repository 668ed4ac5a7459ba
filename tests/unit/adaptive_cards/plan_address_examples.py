"""Examples of the plan card with its addresses.

They are those of Webex Connect, foreign ones, and ones in other alphabets.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import adaptive_cards as cards
from jobs.channel.mailbox import ADDRESS_IN_USE
from jobs.model import Channel, Evidence, Finding, Profile, State
from jobs.runs.run import FOREIGN_HOSTS, Reply
from tests.unit.adaptive_cards.examples import (
    AT,
    CHANGES,
    HOSTILE,
    LICENSE,
    MAILBOX,
    MAILBOXES,
    TENANTS,
    planned,
)

CALLBACK = "https://contoso.us.webexconnect.io/callback"
FORWARDING = "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io"
EVIL = "a.imiconnect.io.with-a-very-long-name-that-hides-its-end.evil.example"


def shown(
    callback: str = CALLBACK, forwarding: str = FORWARDING, *found: Finding, **more: Any
) -> cards.Card:
    """Return a plan card with all changes, and these addresses."""
    return planned(CHANGES, *found, channel=Channel(MAILBOX, callback, forwarding), **more)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    evil = f"https://{EVIL}/callback", "copies@xn--80ak6aa92e.example"
    both = f"https://{EVIL}/callback", f"copies@{EVIL}"
    confirmed = {FOREIGN_HOSTS: Reply(EVIL, "boss@contoso.com", AT)}
    in_use = tuple(Evidence(ADDRESS_IN_USE, f"{each}@contoso.com") for each in ("sales", "orders"))
    others = Finding("addresses", State.OK, evidence=in_use)
    grant = (*CHANGES[:4], replace(CHANGES[4], step="smtp_grant"), *CHANGES[5:])
    least = Channel(MAILBOX, CALLBACK, FORWARDING, profile=Profile.LEAST)
    return {
        "plan-addresses": shown(CALLBACK, FORWARDING, others),
        "plan-one-user": planned(grant, channel=least),
        "plan-foreign": shown(*evil),
        "plan-foreign-confirmed": shown(*both, answers=confirmed),
        "plan-foreign-tenant-only": shown(*evil, approvals=MAILBOXES),
        "plan-foreign-approved": shown(*evil, approvals=MAILBOXES | TENANTS),
        "plan-foreign-blocked": shown(*evil, LICENSE),
        "hostile-plan-addresses": shown(HOSTILE, HOSTILE),
    }
