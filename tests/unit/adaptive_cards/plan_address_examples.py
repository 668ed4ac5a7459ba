"""Examples of the plan card with its addresses.

They are those of Webex Connect, foreign ones, and ones in other alphabets.
"""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.plan import Address, ForeignHosts, PlanView
from adaptive_cards.views import Header
from jobs.model import Profile, Text
from tests.unit.adaptive_cards.examples import CHANGES, HOSTILE, MAILBOX

HEADER = Header("7Q4K", MAILBOX, 3)
CALLBACK = "https://contoso.us.webexconnect.io/callback"
FORWARDING = "4475e4a8d1f03b6c8a108d26d8beea04@mail-us.imiconnect.io"
EVIL = "a.imiconnect.io.with-a-very-long-name-that-hides-its-end.evil.example"
USERS = Text("plan.everyone")
OTHERS = Text("plan.address_in_use", {"mailboxes": "sales@contoso.com, orders@contoso.com"})
HOSTS = ForeignHosts(
    (
        (EVIL, Text("plan.foreign_callback")),
        ("xn--80ak6aa92e.example", Text("plan.foreign_forwarding")),
    )
)
CONFIRMED = ForeignHosts(
    ((EVIL, Text("plan.foreign_both")),),
    Text("plan.foreign_confirmed", {"who": "boss@contoso.com", "at": "14:31 UTC"}),
)


def shown(callback: str = CALLBACK, *more: Address) -> tuple[Address, ...]:
    """Return a plan's three addresses, with another Call Back URL or more addresses after it."""
    rest = more or (Address("field.forwarding_address", FORWARDING),)
    first = (Address("field.mailbox", MAILBOX), Address("field.callback_url", callback))
    return (*first, *rest)


def planned(**more: object) -> cards.Card:
    """Return a plan card with all changes."""
    told = {"addresses": shown(), "consent": USERS, "for_all": True} | more
    return cards.plan(PlanView(HEADER, "p3", "admin@contoso.com", CHANGES, (), **told))  # type: ignore[arg-type]  # the view's own names


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    cyrillic = Address(
        "field.forwarding_address",
        "copies@xn--80ak6aa92e.example",
        "\u0430\u0440\u0440\u04cf\u0435.example",
        "\u0430 (Cyrillic U+0430), \u0440 (Cyrillic U+0440), \u04cf (Cyrillic U+04CF), \u0435 (Cyrillic U+0435)",
    )
    evil = shown(f"https://{EVIL}/callback", cyrillic)
    bad = (Address("field.callback_url", HOSTILE, HOSTILE, HOSTILE),)
    hosts = ForeignHosts(((HOSTILE, Text("plan.foreign_both")),))
    one_user = Text("plan.one_user", {"user": MAILBOX})
    return {
        "plan-addresses": planned(warnings=(OTHERS,)),
        "plan-one-user": planned(profile=Profile.LEAST, consent=one_user, for_all=False),
        "plan-foreign": planned(addresses=evil, foreign=HOSTS),
        "plan-foreign-confirmed": planned(addresses=evil, foreign=CONFIRMED),
        "plan-foreign-tenant-only": planned(addresses=evil, foreign=HOSTS, approved=True),
        "plan-foreign-approved": planned(
            addresses=evil, foreign=HOSTS, approved=True, approved_tenant=True
        ),
        "plan-foreign-blocked": planned(
            addresses=evil, foreign=HOSTS, blocking=(Text("plan.no_role", {"account": MAILBOX}),)
        ),
        "hostile-plan-addresses": planned(addresses=bad, foreign=hosts),
    }
