"""Causes that a check finds: whose turn it is, the button, and the known part of the mail flow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adaptive_cards.texts import has_text, keys, text
from bot.cards.presenters.verdict import draw, view
from bot.services import Services
from jobs.causes.cause import known
from jobs.clock import now
from jobs.model import Finding, Signals, State, Station, Turn, verbatim
from tests.unit.bot.cards.presenters.verdict_checks import AT, CHANNEL, CONNECT, check_of, ok, wrong

FIX = {"do": "fix", "channel": "support@contoso.com"}

BEGINS = {
    "The mailbox user ": Turn.MAILBOX_USER,
    "The contact-center administrator ": Turn.CONTACT_CENTER,
    "The bot's operator ": Turn.OPERATOR,
    "Nobody ": Turn.TIME,
    "A Microsoft 365 administrator ": Turn.ADMINISTRATOR,
}

REMOTE_DOMAIN = wrong("remote_domain", "remote_domain_blocks_forwarding")


@pytest.mark.parametrize(
    ("found", "turn", "fix"),
    [
        ((wrong("smtp_auth", "smtp_auth_off_for_mailbox"),), Turn.APPROVER, ("fix.smtp_auth", FIX)),
        (
            (wrong("smtp_login", "smtp_auth_off_for_mailbox"), Finding("smtp_auth", State.SKIPPED)),
            Turn.APPROVER,
            ("fix.smtp_auth", FIX),
        ),
        ((wrong("smtp_login", "smtp_auth_off_for_mailbox"), *ok("smtp_auth")), Turn.TIME, None),
        ((wrong("copies", "forwarding_blocked"), *ok("outbound_policy")), Turn.TIME, None),
        (
            (wrong("service_principal", "service_principal_missing"), *ok("application")),
            Turn.APPROVER,
            ("fix.service_principal", FIX),
        ),
        (
            (
                wrong("smtp_login", "app_not_found"),
                wrong("service_principal", "service_principal_missing"),
                *ok("application"),
            ),
            Turn.APPROVER,
            ("fix.service_principal", FIX),
        ),
        (
            (wrong("smtp_login", "app_not_found"), Finding("application", State.SKIPPED)),
            Turn.APPROVER,
            ("fix.application", FIX),
        ),
        (
            (wrong("smtp_login", "app_not_found"), *ok("application", "service_principal")),
            Turn.CONTACT_CENTER,
            None,
        ),
        (
            (wrong("smtp_login", "app_disabled"), wrong("service_principal", "app_disabled")),
            Turn.APPROVER,
            ("fix.service_principal", FIX),
        ),
        (
            (
                wrong("smtp_login", "app_disabled"),
                wrong("service_principal", "app_disabled_by_microsoft"),
            ),
            Turn.ADMINISTRATOR,
            None,
        ),
        ((wrong("smtp_login", "account_at_risk"),), Turn.ADMINISTRATOR, None),
        (
            (wrong("service_principal", "app_disabled"),),
            Turn.APPROVER,
            ("fix.service_principal", FIX),
        ),
        (
            (wrong("smtp_login", "user_not_assigned"), *ok("service_principal")),
            Turn.ADMINISTRATOR,
            None,
        ),
        ((wrong("application", "redirect_uri_is_spa"),), Turn.APPROVER, ("fix.application", FIX)),
        (
            (wrong("application", "public_client_with_secret"),),
            Turn.APPROVER,
            ("fix.application", FIX),
        ),
        (
            (wrong("sign_ins", "redirect_uri_is_spa"), *ok("application")),
            Turn.MAILBOX_USER,
            ("fix.generate_token", CONNECT),
        ),
        ((wrong("client_secret", "secret_forbidden_by_policy"),), Turn.ADMINISTRATOR, None),
        (
            (wrong("client_secret", "client_secret_expired"),),
            Turn.APPROVER,
            ("fix.client_secret", FIX),
        ),
        (
            (wrong("sign_ins", "client_secret_wrong"), *ok("client_secret")),
            Turn.CONTACT_CENTER,
            None,
        ),
        (
            (wrong("sign_ins", "refresh_token_expired"),),
            Turn.MAILBOX_USER,
            ("fix.generate_token", CONNECT),
        ),
        (
            (wrong("sessions", "session_revoked"),),
            Turn.MAILBOX_USER,
            ("fix.generate_token", CONNECT),
        ),
        ((wrong("sign_ins", "grant_invalid"),), Turn.MAILBOX_USER, ("fix.generate_token", CONNECT)),
        ((wrong("mail_to_task", "no_task"),), Turn.CONTACT_CENTER, None),
        ((wrong("entry_point", "entry_point_missing"),), Turn.CONTACT_CENTER, None),
        ((REMOTE_DOMAIN,), Turn.ADMINISTRATOR, None),
        (
            (REMOTE_DOMAIN, wrong("outbound_policy", "forwarding_blocked")),
            Turn.ADMINISTRATOR,
            ("fix.outbound_policy", FIX),
        ),
        (
            (REMOTE_DOMAIN, wrong("copies", "forwarding_blocked"), *ok("outbound_policy")),
            Turn.ADMINISTRATOR,
            None,
        ),
        (
            (wrong("sign_ins", "grant_invalid"), wrong("smtp_auth", "smtp_auth_off_for_mailbox")),
            Turn.MAILBOX_USER,
            ("fix.smtp_auth", FIX),
        ),
        (
            (
                Finding("exchange_health", State.POSSIBLE, cause="exchange_incident"),
                wrong("smtp_server", "smtp_busy"),
            ),
            Turn.TIME,
            None,
        ),
        ((), Turn.NOBODY, None),
    ],
)
def test_who_can_mend_it_and_by_which_button(
    services: Services, found: tuple[Finding, ...], turn: Turn, fix: object
):
    """The cause decides whose turn it is and which button the card shows.

    The button opens a plan if a plan can change one of the causes. The button opens Webex Connect's
    page if a new token ends the first cause.
    """
    seen = view(check_of(*found), services)
    assert (seen.turn, seen.fix) == (turn, fix)
    assert has_text(f"turn.{turn}")


@pytest.mark.parametrize("url", ["", "http://uk.webexconnect.io/callback"])
def test_no_page_without_its_address(services: Services, url: str):
    """A page whose address is not known, or not safe, has no button."""
    assert (
        view(
            check_of(
                wrong("sign_ins", "grant_invalid"), channel=replace(CHANNEL, callback_url=url)
            ),
            services,
        ).fix
        is None
    )


@pytest.mark.parametrize("begins", BEGINS)
def test_the_turn_is_whom_the_remedy_names(begins: str):
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
def test_the_way_claims_what_was_seen(
    services: Services, found: tuple[Finding, ...], passes: tuple[bool | None, ...]
):
    """The drawing of the mail flow claims only what was seen.

    An answer that left proves nothing about the stations before it, and a task proves nothing about
    today's copies.
    """
    seen = view(check_of(*found), services)
    assert tuple(stop.passes for stop in seen.way) == passes
    assert [stop.station for stop in seen.way] == list(Station)


def test_what_a_fix_enables_again_names_it():
    """The remedy of a disabled app names ``/fix``, except for an app that Microsoft disabled.

    Only Microsoft can enable that one again.
    """
    assert [
        "/fix" in text(f"remedy.{cause}") for cause in ("app_disabled", "app_disabled_by_microsoft")
    ] == [True, False]


def test_both_ways_is_said_of_both_ends_alone(services: Services):
    """The first line says "both ways" only if copies and answers were both seen."""
    lines = [
        draw(view(check_of(*found), services)).text
        for found in (ok("answers"), ok("agent_tasks", "answers"), ok("copies", "answers"))
    ]
    assert [line.startswith("Nothing wrong: mail flows both ways") for line in lines] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("signals", "others", "state"),
    [
        (Signals(at=AT), (), State.OK),
        (Signals(at=AT, unanswered=AT), (), State.UNKNOWN),
        (Signals(at=AT), (wrong("smtp_auth", "smtp_auth_off_for_mailbox"),), State.UNKNOWN),
    ],
)
def test_an_earlier_answer_has_no_tick_if_newer_mail_has_none(
    services: Services, signals: Signals, others: tuple[Finding, ...], state: State
):
    """Answers are not known to leave while newer mail has no answer, or while answers stop.

    The earlier answer is still a proof with its time.
    """
    found = check_of(Finding("answers", State.OK, signals=signals), *others)
    seen = view(found, services)
    assert [line.found.state for line in seen.lines if line.row == "V3"] == [state]
    assert [(proof.row, proof.at) for proof in seen.proofs] == [("V3", AT)]


def test_a_check_says_when_mail_was_last_proven(services: Services):
    """A check whose newest mail has no answer yet says when mail was last seen to flow both ways.

    It never says that no mail was seen in both directions.
    """
    before = AT - timedelta(minutes=16)
    copies = Finding("copies", State.OK, signals=Signals(at=AT - timedelta(minutes=10)))
    answers = Finding("answers", State.OK, signals=Signals(at=before, unanswered=before))
    told = draw(view(check_of(copies, answers), services)).text
    assert told.startswith("Last proven 16 minutes ago (answer 08:44). Nothing wrong was found.")


def test_a_check_that_could_not_read_is_to_be_repeated(services: Services):
    """A check with unread findings says so first and asks for another check.

    Mail that was seen earlier does not make it calm.
    """
    flows = (Finding(name, State.OK, signals=Signals(at=AT)) for name in ("copies", "answers"))
    unread = Finding("forwarding", State.UNKNOWN, seen=verbatim("no JSON"))
    card = draw(view(check_of(*flows, unread), services))
    assert card.text == (
        "Not fully checked: 1 of 3 could not be read. Last proven now (answer 09:00). Not checked: "
        f"{text('step.forwarding')}. Requester's turn: read what is listed below, then press "
        "Check again."
    )
    assert "'do': 'check'" in str(card.content)


def test_what_has_gone_well_since_is_no_cross(services: Services):
    """A failed sign-in before the newest answers is only a warning in the list, not a cause."""
    failed = Finding(
        "sign_ins",
        State.WRONG,
        cause="grant_invalid",
        signals=Signals(since=datetime(2026, 11, 24, 9, tzinfo=UTC)),
    )
    answers = Finding(
        "answers", State.OK, signals=Signals(at=datetime(2026, 11, 25, 8, tzinfo=UTC))
    )
    seen = view(check_of(failed, answers), services)
    assert (
        [line.found.state for line in seen.lines if line.row == "LOG"],
        seen.causes,
        seen.warnings,
    ) == ([State.WARNING], (), ())
