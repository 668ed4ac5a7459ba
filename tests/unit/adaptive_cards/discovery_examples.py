"""Examples of a check of a channel that the bot did not set up: its question and its verdict."""

from __future__ import annotations

from dataclasses import replace

import adaptive_cards as cards
from adaptive_cards.cards.questions import AppChoice, DiscoveryView
from adaptive_cards.cards.verdict_band import FoundChannel, VerdictView
from jobs.model import Text, Turn
from tests.unit.adaptive_cards.verdict_examples import HOSTILE, SIGN_IN, cause, way
from tests.unit.adaptive_cards.verdict_lines import AT, MAILBOX, POLICY, PROOFS, RIGHT, SKIPPED

ADDRESS = "4475e4a8d0f14a5c8a108d26d8beea04@mail-us.imiconnect.io"
CALLBACK = "https://contoso.us.webexconnect.io/callback"
APPS = (
    AppChoice(
        "631a96bc-0000-4000-8000-000000000001", "Webex Connect", "contoso.us.webexconnect.io"
    ),
    AppChoice("631a96bc-0000-4000-8000-000000000002", "Newsletter"),
)
VALUES = (
    ("found.app", "Webex Connect"),
    ("found.callback", CALLBACK),
    ("found.forwarding", ADDRESS),
    ("found.user", MAILBOX),
)
FOUND = FoundChannel(VALUES, may_keep=True, told=Text("verdict.keep_words"))
BROKEN = cause("forwarding_blocked", POLICY)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    return {**_questions(), **_verdicts()}


def _questions() -> dict[str, cards.Card]:
    view = DiscoveryView("9M2C", MAILBOX, AT)
    hostile = (AppChoice("631a96bc", HOSTILE, "x.us.webexconnect.io"),) * 12
    return {
        "discovery-apps": cards.discovery(replace(view, ask_app=True, apps=APPS, found=VALUES[2:])),
        "discovery-no-app": cards.discovery(replace(view, ask_app=True, found=VALUES[2:])),
        "discovery-no-forwarding": cards.discovery(
            replace(view, ask_forwarding=True, found=VALUES[:2])
        ),
        "discovery-nothing": cards.discovery(replace(view, ask_app=True, ask_forwarding=True)),
        "discovery-hostile": cards.discovery(replace(view, ask_app=True, apps=hostile)),
    }


def _verdicts() -> dict[str, cards.Card]:
    view = VerdictView("9M2C", MAILBOX, AT, 0, (), lines=RIGHT, found=FOUND)
    broken = replace(view, causes=(BROKEN,), turn=Turn.REQUESTER)
    lacks = Text("verdict.keep_lacks", {"what": "key:found.lacks_client_id"})
    part = FoundChannel((("found.app", ""), *VALUES[2:]), told=lacks)
    kept = replace(FOUND, may_keep=False, kept=True, told=Text("verdict.kept_here"))
    watched = replace(
        kept, told=Text("verdict.kept_watched", {"interval": "span:900.0"}), watched="span:900.0"
    )
    return {
        "verdict-kept-watched": cards.verdict(replace(broken, found=watched)),
        "verdict-unknown": cards.verdict(
            replace(view, found=FoundChannel(), skipped=SKIPPED, sign_in_url=SIGN_IN)
        ),
        "verdict-found": cards.verdict(replace(view, proofs=PROOFS, way=way("++++.+"))),
        "verdict-found-broken": cards.verdict(broken),
        "verdict-found-in-part": cards.verdict(replace(broken, found=part)),
        "verdict-kept": cards.verdict(replace(broken, found=kept)),
    }
