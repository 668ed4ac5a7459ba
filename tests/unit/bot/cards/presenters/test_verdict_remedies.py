"""Causes that a check finds: whose turn it is, the button, and the known part of the mail flow."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import has_text, keys, text
from bot.cards.presenters.verdict import draw, view
from jobs.causes.cause import known
from jobs.clock import now
from jobs.model import Finding, Signals, State, Station, Turn, verbatim
from tests.fixtures.parsed import table
from tests.unit.bot.cards.presenters.verdict_checks import AT, CHANNEL, CONNECT, check_of, ok, wrong

JUDGED = table("judged")

FIX = {"do": "fix", "channel": "support@contoso.com"}

BEGINS = {
    "The mailbox user ": Turn.MAILBOX_USER,
    "The contact-center administrator ": Turn.CONTACT_CENTER,
    "The bot's operator ": Turn.OPERATOR,
    "Nobody ": Turn.TIME,
    "A Microsoft 365 administrator ": Turn.ADMINISTRATOR,
}

SIGNS = {"=": State.WRONG, "?": State.POSSIBLE, "-": State.SKIPPED, "": State.OK}


def findings(line: str) -> list[Finding]:
    """Return the findings of a line: ``step=cause``, ``step?cause`` if possible, ``step-`` if skipped."""
    parts = (re.split("([=?-])", each) for each in line.split())
    named = ((*each, "", "")[:3] for each in parts)
    return [Finding(step, SIGNS[sign], cause=cause) for step, sign, cause in named]


@pytest.mark.parametrize(("found", "turn", "fix"), JUDGED["remedies"])
def test_who_can_mend_it_and_by_which_button(services, found, turn, fix):
    """The cause decides whose turn it is and which button the card shows.

    The button opens a plan if a plan can change one of the causes. The button opens Webex Connect's
    page if a new token ends the first cause.
    """
    check = check_of(*findings(found))
    seen, opens = view(check, services), FIX | {"check": check.id}
    button = f"fix.{fix}", CONNECT if fix == "generate_token" else opens
    assert (seen.turn, seen.fix) == (turn, button if fix else None)
    assert has_text(f"turn.{turn}")


@pytest.mark.parametrize("url", ["", "http://uk.webexconnect.io/callback"])
def test_no_page_without_its_address(services, url):
    """A page whose address is not known, or not safe, has no button."""
    channel = replace(CHANNEL, callback_url=url)
    run = check_of(wrong("sign_ins", "grant_invalid"), channel=channel)
    assert view(run, services).fix is None


@pytest.mark.parametrize("begins", BEGINS)
def test_the_turn_is_whom_the_remedy_names(begins):
    """A remedy that begins with a person names the same person as the turn of its cause.

    Codes that a check never names are left out.
    """
    shown = {key.partition(".")[2] for key in keys() if key.startswith("remedy.")} - {
        "already_there",
        "request_rejected",
    }
    shown = {cause for cause in shown if not cause.startswith("id_token")}
    named = {
        cause: known(cause).acts for cause in shown if text(f"remedy.{cause}").startswith(begins)
    }
    others = {cause: turn for cause, turn in named.items() if turn is not BEGINS[begins]}
    assert named
    assert others == {}


@pytest.mark.parametrize(
    ("found", "passes"),
    [
        (ok("answers"), (None, None, None, None, None, True)),
        (ok("copies"), (True, True, True, None, None, None)),
        (ok("agent_tasks", "answers"), (True, True, None, True, True, True)),
        (
            (*ok("copies"), Finding("answers", State.OK, signals=Signals(unanswered=now()))),
            (True, True, True, None, None, None),
        ),
        (
            (*ok("answers"), wrong("copies", "mail_not_delivered")),
            (None, None, False, None, None, True),
        ),
    ],
)
def test_the_way_claims_what_was_seen(services, found, passes):
    """The drawing of the mail flow claims only what was seen.

    An answer that left proves nothing about the stations before it, and a task proves nothing about
    today's copies.
    """
    seen = view(check_of(*found), services)
    assert tuple(stop.passes for stop in seen.way) == passes
    assert [stop.station for stop in seen.way] == list(Station)


def test_both_ways_is_said_of_both_ends_alone(services):
    """The first line says "both ways" only if copies and answers were both seen."""
    seen = ok("answers"), ok("agent_tasks", "answers"), ok("copies", "answers")
    lines = [draw(view(check_of(*found), services)).text for found in seen]
    told = [line.startswith("Nothing wrong: mail flows both ways") for line in lines]
    assert told == [False, False, True]


@pytest.mark.parametrize(
    ("signals", "others", "state"),
    [
        (Signals(at=AT), (), State.OK),
        (Signals(at=AT, unanswered=AT), (), State.UNKNOWN),
        (Signals(at=AT), (wrong("smtp_auth", "smtp_auth_off_for_mailbox"),), State.UNKNOWN),
    ],
)
def test_an_earlier_answer_has_no_tick_if_newer_mail_has_none(services, signals, others, state):
    """Answers are not known to leave while newer mail has no answer, or while answers stop.

    The earlier answer is still a proof with its time.
    """
    found = check_of(Finding("answers", State.OK, signals=signals), *others)
    seen = view(found, services)
    assert [line.found.state for line in seen.lines if line.row == "V3"] == [state]
    assert [(proof.row, proof.at) for proof in seen.proofs] == [("V3", AT)]


def test_a_check_says_when_mail_was_last_proven(services):
    """A check whose newest mail has no answer yet says when mail was last seen to flow both ways.

    It never says that no mail was seen in both directions.
    """
    before = AT - timedelta(minutes=16)
    copies = Finding("copies", State.OK, signals=Signals(at=AT - timedelta(minutes=10)))
    answers = Finding("answers", State.OK, signals=Signals(at=before, unanswered=before))
    told = draw(view(check_of(copies, answers), services)).text
    assert told.startswith("Last proven by an answer on 25 Nov 08:44 UTC. Nothing wrong was found.")


def test_a_check_that_could_not_read_is_to_be_repeated(services):
    """A check with unread findings says so first and asks for another check.

    Mail that was seen earlier does not make it calm.
    """
    flows = (Finding(name, State.OK, signals=Signals(at=AT)) for name in ("copies", "answers"))
    unread = Finding("forwarding", State.UNKNOWN, seen=verbatim("no JSON"))
    card = draw(view(check_of(*flows, unread), services))
    assert card.text == (
        "Not fully checked: 1 of 3 could not be read. Last proven by an answer on 25 Nov 09:00 "
        "UTC. Not checked: "
        f"{text('step.forwarding')}. Requester's turn: read what is listed below, then press "
        "Check again."
    )
    assert "'do': 'check'" in str(card.content)
