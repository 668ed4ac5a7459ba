"""Examples of the form of Webex Connect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import adaptive_cards as cards
from adaptive_cards.components import Header
from bot.cards.presenters.connect_form import connect_form
from bot.links import Link
from jobs.model import Channel, Finding, RunKind, State, Turn
from jobs.runs.run import Plan, Reply
from tests.unit.adaptive_cards.examples import (
    AT,
    BASE,
    CLIENT_ID,
    MAILBOX,
    REQUESTER,
    RUN,
    SETTINGS,
    TENANT,
    header,
    later,
    ran,
)
from tests.unit.adaptive_cards.progress_examples import made

if TYPE_CHECKING:
    from collections.abc import Iterator


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return dict(_connects())


def connected(
    *found: Finding, pressed: tuple[str, ...] = (), gone: bool = False, **more: Any
) -> cards.Card:
    """Return the card with further findings, after somebody has ``pressed`` these buttons."""
    known = (
        Finding("mailbox_user", State.OK, facts={"upn": MAILBOX}),
        Finding("ids", State.OK, facts={"client_id": CLIENT_ID}),
        Finding("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER),
    )
    answers = {each: Reply("yes", REQUESTER.email, AT) for each in pressed}
    account = replace(RUN.account, tenant_id=TENANT)
    run = ran(*known, *found, **({"answers": answers, "account": account} | more))
    link = Link(f"{BASE}/handover/7Q4K", later(minutes=15))
    head = header(6) if run.kind is RunKind.SETUP else Header(MAILBOX, 6, run.kind)
    return connect_form(run, head, link, SETTINGS, gone=gone)


def _connects() -> Iterator[tuple[str, cards.Card]]:
    token, registered = (Finding(step, State.OK) for step in ("token", "registered"))
    user = Finding("mailbox_user", State.OK)
    yield "connect", connected()
    yield "connect-token-saved", connected(pressed=("token_saved",), gone=True)
    yield "connect-token-read", connected(token, gone=True)
    yield "connect-secret-lost", connected(gone=True)
    yield "connect-secret-making", connected(pressed=("new_secret",))
    yield "connect-shared", connected(replace(user, facts={"shared": "yes"}))
    yield "connect-other-login", connected(replace(user, facts={"upn": "s1@contoso.com"}))
    yield "connect-registered", connected(pressed=("registered",))
    yield "connect-filled-in", connected(pressed=("token_saved", "registered"), gone=True)
    yield "connect-registered-read", connected(registered, pressed=("token_saved",), gone=True)
    form = Finding("mailbox_fields", State.OK)
    asked = Finding("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)
    both = ("token_saved", "rehearse")
    yield (
        "connect-registered-read-early",
        connected(registered, form, asked, pressed=both, gone=True, plan=Plan("p3", (), AT)),
    )
    fix: dict[str, Any] = {
        "kind": RunKind.FIX,
        "channel": Channel(MAILBOX, "https://uk.webexconnect.io/callback"),
    }
    yield "connect-new-secret", connected(**fix, changed=made("client_secret"))
    yield "connect-new-token", connected(**fix)
    yield "connect-new-token-saved", connected(**fix, pressed=("token_saved",))
    yield "connect-new-token-read", connected(token, **fix)
