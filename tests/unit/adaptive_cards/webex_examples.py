"""Examples of the cards of the work in Webex Connect, the rehearsal and the test mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import adaptive_cards as cards
from adaptive_cards.cards.connect_form import ConnectFormView
from adaptive_cards.texts import text
from adaptive_cards.views import Header
from jobs.model import Channel, RunKind, Text, Turn
from tests.unit.adaptive_cards.examples import BASE, CLIENT_ID, LOGIN, MAILBOX, header, later

if TYPE_CHECKING:
    from collections.abc import Iterator


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return dict(_connects())


def connected(**more: object) -> cards.Card:
    """Return the card with the values for the form of Webex Connect."""
    head = more.pop("head", header(6))
    fields = (
        Channel(MAILBOX),
        "smtp.office365.com",
        587,
        MAILBOX,
        CLIENT_ID,
        f"{LOGIN}/authorize",
        f"{LOGIN}/token",
    )
    scope = "offline_access https://outlook.office.com/SMTP.Send"
    view = ConnectFormView(
        head,
        *fields,
        scope,
        f"{BASE}/handover/7Q4K",
        later(minutes=15),
        **more,  # type: ignore[arg-type]  # three flags
    )
    return cards.connect_form(view)


def _connects() -> Iterator[tuple[str, cards.Card]]:
    yield "connect", connected()
    yield "connect-token-saved", connected(token_saved=True, secret_gone=True)
    yield "connect-token-read", connected(token_saved=True, token_read=True, secret_gone=True)
    yield "connect-secret-lost", connected(secret_gone=True)
    yield "connect-secret-making", connected(secret_making=True)
    login_of_user = text("connect.login_of_user")
    yield "connect-shared", connected(login_id=login_of_user, login_open=True)
    yield "connect-other-login", connected(login_id="s1@contoso.com")
    yield "connect-registered", connected(registered=True)
    yield "connect-filled-in", connected(token_saved=True, registered=True, secret_gone=True)
    yield (
        "connect-registered-read",
        connected(token_saved=True, registered=True, secret_gone=True, registered_read=True),
    )
    yield (
        "connect-registered-read-early",
        connected(
            token_saved=True,
            registered=True,
            secret_gone=True,
            registered_read=True,
            next_turn=Turn.MAILBOX_USER,
            next_words=Text("turn_words.rehearse"),
        ),
    )
    mends = {
        "head": Header("7Q4K", MAILBOX, 6, RunKind.FIX),
        "one_field": True,
        "page_url": "https://uk.webexconnect.io",
    }
    yield "connect-new-secret", connected(**{**mends, "page_url": ""})
    mends["secret_stays"] = True
    yield "connect-new-token", connected(**mends)
    yield "connect-new-token-saved", connected(**mends, token_saved=True)
    yield "connect-new-token-read", connected(**mends, token_saved=True, token_read=True)
