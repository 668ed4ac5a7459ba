"""Results of a check: causes and buttons, sign-ins, and what stays true while time goes by."""

import re
from datetime import timedelta

import pytest

from adaptive_cards.texts import has_text, keys, text
from bot.cards.presenters import verdict
from bot.cards.presenters.verdict import draw, view
from jobs.causes.cause import known
from jobs.clock import now
from jobs.model import (
    Account,
    Finding,
    Reason,
    RunKind,
    Signals,
    State,
    Station,
    Text,
    Turn,
    second_of,
    verbatim,
)
from jobs.runs.run import Event, Kind, Origin
from tests.fixtures.copies import replace
from tests.fixtures.parsed import table
from tests.unit.bot.cards.presenters.stage_events import found
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
    seen = view(check_of(Finding("answers", State.OK, signals=signals), *others), services)
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


def test_a_sign_in_comes_before_the_page(services):
    """A sign-in is offered before Webex Connect's page.

    The failure of the bot's own login may have a cause that only an administrator's sign-in shows.
    """
    left_out = Finding("conditional_access", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    seen = view(check_of(wrong("smtp_login", "smtp_token_refused"), left_out), services)
    assert (seen.fix, bool(seen.sign_in_url), seen.turn) == (None, True, Turn.MAILBOX_USER)


@pytest.mark.parametrize("state", [State.SKIPPED, State.UNKNOWN])
def test_a_sign_in_comes_before_a_fix_that_may_mend_nothing(services, state):
    """A sign-in comes before a fix of a disabled app, because the fix may change nothing.

    Entra gives the same answer for an app that Microsoft has disabled and for an app that is
    switched off here.
    """
    left_out = (
        Finding("service_principal", state, reason=Reason.NEEDS_SIGN_IN),
        Finding("mailbox_user", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN),
    )
    seen = view(check_of(wrong("smtp_login", "app_disabled"), *left_out), services)
    assert (seen.fix, seen.turn) == (None, Turn.ADMINISTRATOR)
    assert "Administrator's turn: sign in with the button below" in draw(seen).text


NO_ROLE = Finding(
    "copies", State.UNKNOWN, cause="exchange_role_missing", seen=Text("cause.exchange_role_missing")
)

LOST = wrong("arrivals", "mail_not_delivered")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            (NO_ROLE, *ok("smtp_login")),
            "Administrator's turn: the account that signed in cannot read everything. Somebody with the role",
        ),
        (
            (LOST, replace(NO_ROLE, step="transport_rules")),
            "Administrator's turn: the account that signed in cannot read everything. Somebody",
        ),
        (
            (NO_ROLE, wrong("smtp_auth", "smtp_auth_off_for_mailbox")),
            "Approver's turn: press the button below",
        ),
    ],
)
def test_who_may_not_read_everything_is_followed_by_somebody_who_may(services, found, told):
    """If the signed-in account may not read everything, the card still offers a sign-in.

    The card does not say that no action is needed.
    """
    seen = view(replace(check_of(*found), account=Account("t", "o", "anna@contoso.com")), services)
    assert (bool(seen.sign_in_url), seen.grant_url) == (True, "")
    assert told in draw(seen).text


def test_nobody_signs_in_for_a_cloud_that_does_not_answer(services):
    """A check that a cloud did not answer asks to check again, although a sign-in reads more."""
    busy = replace(NO_ROLE, cause="service_unavailable")
    health = Finding("exchange_health", State.SKIPPED, reason=Reason.NEEDS_SIGN_IN)
    seen = view(check_of(busy, health, *ok("smtp_login")), services)
    assert (bool(seen.sign_in_url), seen.unread) == (True, 2)
    assert "then press Check again" in draw(seen).text


def test_the_page_stays_where_a_role_is_lacking(services):
    """The button to Webex Connect's page stays if the signed-in account lacks a role.

    The sign-in has already shown what ended the token.
    """
    check = check_of(wrong("sign_ins", "grant_invalid"), NO_ROLE)
    run = replace(check, account=Account("t", "o", "anna@contoso.com"))
    assert view(run, services).fix == ("fix.generate_token", CONNECT)


UNREAD = {"state": State.SKIPPED, "reason": Reason.NEEDS_SIGN_IN}


def checked(services, setup, *events: Event):
    """Return a finished check of the channel of this setup."""
    run = services.store.open(setup.channel, setup.requester, Origin("room-1", "t"), RunKind.CHECK)
    services.store.append(run.id, *events, Event(Kind.CHECKED, now()))
    return services.store.load(run.id)


def test_a_check_that_could_not_see_is_not_calm(services, begin):
    """If settings could not be read, the first line counts those that need an administrator."""
    unread = [found(name, **UNREAD) for name in ("smtp_auth", "forwarding")]
    told = draw(view(checked(services, begin(), *unread, found("entra")), services)).text
    assert told.startswith("Nothing wrong seen yet: 2 of 3 checks need an administrator.")


@pytest.mark.parametrize(("login", "told"), [(State.OK, "The login works. "), (State.SKIPPED, "")])
def test_a_proven_channel_is_told_first(services, begin, login, told):
    """Without a sign-in, the first line says what the bot's own login and test mail have proven."""
    at = now()
    setup = begin(found("test_mail", facts={"forwarded_at": at.isoformat()}))
    services.store.end(setup, Event(Kind.FINISHED, at))
    unread = found("smtp_auth", **UNREAD)
    seen = view(checked(services, setup, unread, found("smtp_login", login)), services)
    assert (seen.proven, seen.login) == (at, login is State.OK)
    assert draw(seen).text.startswith(f"{told}Last proven by a test mail on ")


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("forwarding client_secret", "A changed forwarding or policy, or an expired secret, would"),
        ("outbound_policy", "A changed forwarding or policy would"),
        ("client_secret", "An expired secret would"),
    ],
)
def test_only_what_was_not_read_goes_unnoticed(services, begin, left, told):
    """A secret or a setting that was read in this check is not said to change unnoticed."""
    names = ("smtp_login", "forwarding", "outbound_policy", "client_secret")
    every = [found(name, **(UNREAD if name in left.split() else {})) for name in names]
    told = f"checks need an administrator. {told} not be noticed."
    assert told in str(draw(view(checked(services, begin(), *every), services)).content)


def test_a_secret_that_ends_soon_is_amber_with_a_button(services, begin):
    """A secret that ends soon makes the card amber with a button, although mail flows both ways."""
    ends = now() + timedelta(days=10)
    more = {"cause": "client_secret_expires_soon", "facts": {"expires": ends.isoformat()}}
    soon = found("client_secret", State.WARNING, **more)
    flows = [found(name) for name in ("arrivals", "copies", "answers")]
    run = checked(services, begin(), *flows, soon)
    card = draw(view(run, services))
    assert card.text.startswith("The client secret ends in 10 days")
    assert card.content["body"][1]["style"] == "warning"
    assert text("button.renew_secret") in str(card.content)
    well = checked(services, services.store.load(run.id), *flows)
    assert text("button.renew_secret") not in str(draw(view(well, services)).content)


def test_a_channel_without_test_mails_has_no_line_about_them(services, begin):
    """A channel without test mails has no line about them.

    A channel that gets test mails has one, also if the newest mail is still on its way.
    """
    setup = begin()
    services.store.end(setup, Event(Kind.CANCELLED, now()))
    none = found("watch_mail", State.SKIPPED, reason=Reason.NO_WATCH_MAIL)
    under_way = Text("skipped.watch_mail_under_way", {"at": second_of(now())})
    sent = found("watch_mail", State.SKIPPED, seen=under_way)
    shown = [view(checked(services, setup, each), services) for each in (none, sent)]
    assert [len(each.skipped) for each in shown] == [0, 1]
    assert [len(each.lines) for each in shown] == [0, 1]


def running(*silent: str, once: tuple[str, ...] = ()):
    """Return a check that still runs, with these silent clouds."""
    clouds = frozenset({*silent, *once})
    return replace(check_of(*ok("tenant")), checked=None, silent=silent, once_silent=clouds)


def test_that_a_cloud_falls_silent_is_urgent_and_its_answer_is_not(services):
    """A cloud that falls silent is urgent news, but its later answer is not.

    An edit for good news waits, because a message takes ten edits.
    """
    urgencies = [
        verdict.cards(run, services)[0].urgency
        for run in (running(), running("graph"), running(once=("graph",)))
    ]
    assert urgencies[0] != urgencies[1] == urgencies[2]


def test_a_check_names_no_button_before_it_has_one(services):
    """A cause that is found early asks for no press of a button of the ended check's card."""
    early = replace(check_of(wrong("transport_rules", "forwarding_blocked")), checked=None)
    card = verdict.cards(early, services)[0].card
    assert "turn: see Remedy below." in card.text
    assert text("button.check_again") not in str(card.content)
