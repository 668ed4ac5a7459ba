"""Parts of a plan that no change names: addresses, foreign hosts, grants, and other channels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import plan as presenter
from bot.cards.presenters.card_state import header
from jobs.channel.mailbox import ADDRESS_IN_USE, APP_IN_USE
from jobs.clock import now
from jobs.model import Channel, Evidence, Profile, State, Text
from jobs.runs.run import Event, Kind, Run
from tests.unit.bot.cards.presenters.stage_events import (
    LINE,
    PLANNED,
    SIGNED_IN,
    answered,
    cards,
    found,
)

MAILBOX = "support@example.test"
CALLBACK, FORWARDING = "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io"
EVIL = "a.imiconnect.io.evil.example"
GRANT = replace(PLANNED, changes=(replace(LINE, step="smtp_grant"),))


def details(callback: str = CALLBACK, forwarding: str = FORWARDING, **more: object) -> Event:
    """Return the details of a channel with these addresses."""
    channel = replace(Channel(MAILBOX, callback, forwarding), **more)
    return Event(Kind.DETAILS, now(), channel=channel)


def told(run: Run, *connect_hosts: str) -> str:
    """Return the contents of the plan card."""
    return str(presenter.plan(run, header(run, 3), connect_hosts).content)


def test_an_undo_shows_none(begin):
    """The plan of an undo shows no addresses, because the undo takes them away."""
    run = begin(details(f"https://{EVIL}/callback"), SIGNED_IN, PLANNED, kind="undo")
    assert (EVIL in told(run), presenter.consent(run)) == (False, None)


@pytest.mark.parametrize(
    ("callback", "forwarding", "other", "letters"),
    [
        (CALLBACK, "x@xn--mnchen-3ya.de", "m\u00fcnchen.de", "\u00fc (Latin U+00FC)"),
        ("https://m\u00fcnchen.de/callback", "", "xn--mnchen-3ya.de", "\u00fc (Latin U+00FC)"),
        (CALLBACK, "m\u00fcller@mail.webexconnect.io", "", "\u00fc (Latin U+00FC)"),
    ],
)
def test_other_letters_are_named(begin, callback, forwarding, other, letters):
    """A host with letters outside ASCII is shown in both spellings.

    Each such letter is shown with its number.
    """
    card = told(begin(details(callback, forwarding), SIGNED_IN, PLANNED))
    assert text("plan.letters", letters=letters) in card
    assert (text("plan.other_spelling") in card) is bool(other)
    assert other in card


@pytest.mark.parametrize(
    ("callback", "forwarding", "hosts"),
    [
        (CALLBACK, FORWARDING, {}),
        (f"https://{EVIL}/callback", FORWARDING, {EVIL: "callback"}),
        (CALLBACK, "x@evil.example", {"evil.example": "forwarding"}),
        ("https://evil.example/callback", "x@evil.example", {"evil.example": "both"}),
        (
            f"https://{EVIL}/callback",
            "x@evil.example",
            {EVIL: "callback", "evil.example": "forwarding"},
        ),
    ],
)
def test_foreign_hosts_are_named_with_what_goes_there(begin, callback, forwarding, hosts):
    """The plan says which data goes to a foreign host.

    Sign-ins go to the host of the Call Back URL, and mail goes to the host of the Forwarding
    Address.
    """
    run = begin(details(callback, forwarding), SIGNED_IN, PLANNED)
    card, ways = told(run), ("callback", "forwarding", "both")
    said = {way for way in ways if text(f"plan.foreign_{way}") in card}
    assert said == set(hosts.values())
    assert "'confirm_hosts'" not in told(run, "*.evil.example", "evil.example")


def test_the_card_changes_with_the_confirmation(services, begin):
    """Once the hosts are confirmed, the card names who confirmed them, and is shown at once."""
    asked = begin(details(f"https://{EVIL}/callback"), SIGNED_IN, PLANNED)
    (before,) = (card for card in cards(services, asked) if card.slot == "plan")
    services.store.append(asked.id, answered("foreign_hosts", EVIL))
    run = services.store.load(asked.id)
    (after,) = (card for card in cards(services, run) if card.slot == "plan")
    shown = [str(card.card.content) for card in (before, after)]
    assert ["Confirmed by anna@example.test" in each for each in shown] == [False, True]
    assert ["'confirm_hosts'" in each for each in shown] == [True, False]
    assert before.urgency != after.urgency


@pytest.mark.parametrize(
    ("profile", "events", "words", "for_all"),
    [
        (Profile.ARTICLE, (GRANT,), "everyone", True),
        (Profile.ARTICLE, (replace(PLANNED, changes=()),), "", True),
        (Profile.ARTICLE, (found("mail_send", State.SKIPPED), GRANT), "one_user", False),
        (Profile.ARTICLE, (found("admin_consent"), GRANT), "one_user", False),
        (Profile.LEAST, (GRANT,), "one_user", False),
        (Profile.LEAST, (PLANNED,), "", False),
    ],
)
def test_for_whom_permissions_are_granted(begin, profile, events, words, for_all):
    """An admin consent holds for all users, and without one the grant is for one user."""
    run = begin(details(profile=profile), SIGNED_IN, *events)
    user = {"user": MAILBOX} if words == "one_user" else {}
    assert presenter.consent(run) == (Text(f"plan.{words}", user) if words else None)
    assert presenter.for_all(run) is for_all


def test_other_channels_are_named(begin):
    """A Forwarding Address or an app that another channel has is a warning with its mailbox."""
    run = begin(
        SIGNED_IN,
        found(
            "addresses",
            evidence=(
                Evidence(ADDRESS_IN_USE, "sales@example.test"),
                Evidence(ADDRESS_IN_USE, "b@example.test"),
            ),
        ),
        found("application", State.WRONG, evidence=(Evidence(APP_IN_USE, "sales@example.test"),)),
        PLANNED,
    )
    assert presenter.warnings(run) == [
        Text("plan.address_in_use", {"mailboxes": "sales@example.test, b@example.test"}),
        Text("plan.app_in_use", {"mailboxes": "sales@example.test"}),
    ]
