"""Examples of a check of a channel that the bot did not set up: its question and its verdict."""

from __future__ import annotations

from dataclasses import replace

import adaptive_cards as cards
from bot.cards.presenters import questions
from bot.cards.presenters.verdict import draw
from jobs.checks.discovering import APP, FORWARDING
from jobs.checks.reading import FoundChannel, Reading
from jobs.model import Channel, Person, Text, Turn
from jobs.runs.run import AppCandidate, Run, Search
from tests.unit.adaptive_cards.examples import HOSTILE
from tests.unit.adaptive_cards.verdict_examples import SIGN_IN, cause, way
from tests.unit.adaptive_cards.verdict_lines import AT, MAILBOX, POLICY, PROOFS, RIGHT, SKIPPED

ADDRESS = "4475e4a8d0f14a5c8a108d26d8beea04@mail-us.imiconnect.io"
CALLBACK = "https://contoso.us.webexconnect.io/callback"
APPS = (
    AppCandidate("631a96bc-0000-4000-8000-000000000001", "Webex Connect", CALLBACK),
    AppCandidate("631a96bc-0000-4000-8000-000000000002", "Newsletter", ""),
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
    partly = Search(APPS, forwarding_address=ADDRESS, upn=MAILBOX)
    certain = Search(APPS[:1], certain=True)
    hostile = Search((AppCandidate("631a96bc", HOSTILE, "https://x.us.webexconnect.io/c"),) * 12)
    return {
        "discovery-apps": _asked(partly, APP),
        "discovery-no-app": _asked(replace(partly, apps=()), APP),
        "discovery-no-forwarding": _asked(certain, FORWARDING),
        "discovery-nothing": _asked(Search(), APP, FORWARDING),
        "discovery-hostile": _asked(hostile, APP),
    }


def _asked(search: Search, *asked: str) -> cards.Card:
    run = Run("9M2C", Channel(MAILBOX), Person("rita", "rita@contoso.com"), AT, search=search)
    return questions.discovery(run, asked, AT)


def _verdicts() -> dict[str, cards.Card]:
    view = Reading("9M2C", MAILBOX, AT, 0, (), lines=RIGHT, found=FOUND)
    broken = replace(view, causes=(BROKEN,), turn=Turn.REQUESTER)
    lacks = Text("verdict.keep_lacks", {"what": "key:found.lacks_client_id"})
    part = FoundChannel((("found.app", ""), *VALUES[2:]), told=lacks)
    kept = replace(FOUND, may_keep=False, kept=True, told=Text("verdict.kept_here"))
    watched = replace(
        kept, told=Text("verdict.kept_watched", {"interval": "every:900.0"}), watched="every:900.0"
    )
    return {
        "verdict-kept-watched": draw(replace(broken, found=watched)),
        "verdict-unknown": draw(
            replace(view, found=FoundChannel(), skipped=SKIPPED, sign_in_url=SIGN_IN)
        ),
        "verdict-found": draw(replace(view, proofs=PROOFS, way=way("++++.+"))),
        "verdict-found-broken": draw(broken),
        "verdict-found-in-part": draw(replace(broken, found=part)),
        "verdict-kept": draw(replace(broken, found=kept)),
    }
