"""Cards of the proof: the rehearsal, the test mail and the agent's answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from adaptive_cards.texts import remedy_within
from bot.cards.presenters import connect_form, progress
from bot.services import Services
from jobs.clock import now
from jobs.model import Evidence, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.unit.bot.cards.presenters.stage_events import (
    APPROVED,
    FORM,
    PLANNED,
    SIGNED_IN,
    Begin,
    answered,
    found,
)


@pytest.mark.parametrize(
    ("events", "part"),
    [
        ([], {"url": ""}),
        ([answered("rehearse"), found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER)],
         {}),
        ([answered("rehearse"),
          found("rehearsal", State.WAITING, cause="smtp_token_refused",
                evidence=(Evidence("smtp", "535 no"),))],
         {"url": "", "problem": Text("cause.smtp_token_refused"), "problem_code": "535 no"}),
        ([answered("rehearse"),
          Event(Kind.PROBLEM, now(), data={"question": "mailbox_sign_in",
                                           "cause": "wrong_mailbox_user", "code": "x@y.z"})],
         {"url": "", "problem": Text("cause.wrong_mailbox_user"), "problem_code": "x@y.z"}),
    ],
)  # fmt: skip
def test_the_rehearsals_card(
    services: Services, begin: Begin, events: list[Event], part: dict[str, Any]
):
    """The rehearsal's card shows an offer, a sign-in or a refusal.

    The refusal comes from the server, or happens at the sign-in.
    """
    view = connect_form.rehearsal_view(begin(SIGNED_IN, FORM, *events), services)
    assert {name: getattr(view, name) for name in part} == part
    assert bool(view.url) is ("url" not in part)


def test_a_test_mail_is_followed(services: Services, begin: Begin):
    """The card shows the way of a test mail: sent, arrived, forwarded, and with an agent.

    The bot or a person has sent the mail. A failure is shown with its cause.
    """
    at = "2026-11-25T09:00:00+00:00"
    failed = found(
        "agent_answer",
        State.WAITING,
        cause="forwarding_blocked",
        evidence=(Evidence("trace", "5.7.520"),),
    )
    run = begin(
        SIGNED_IN,
        found("test_mail", facts={"subject": "S", "arrived_at": at, "forwarded_at": at}),
        answered("test_sent"),
        answered("agent_has_it"),
        failed,
    )
    view = progress.mail_view(run, services)
    assert (view.subject, view.sent_by_bot, view.arrived_at, view.forwarded_at) == (
        "S",
        False,
        datetime.fromisoformat(at),
        datetime.fromisoformat(at),
    )
    assert (view.problem, view.problem_code, view.agent_at is not None) == (
        Text("cause.forwarding_blocked"),
        "5.7.520",
        True,
    )


@pytest.mark.parametrize(
    ("cause", "turn", "sent", "part"),
    [
        ("mail_not_delivered", Turn.ADMINISTRATOR, True, {"late": False, "sent_by_bot": False}),
        ("forwarding_blocked", Turn.TIME, True, {"late": False, "sent_by_bot": False}),
        ("test_mail_late", Turn.REQUESTER, True, {"late": True, "sent_by_bot": False}),
        ("test_mail_from_itself", Turn.REQUESTER, False, {"late": False, "sent_by_bot": False}),
    ],
)
def test_a_test_mail_that_stops(
    services: Services, begin: Begin, cause: str, turn: Turn, sent: bool, part: dict[str, bool]
):
    """A test mail that stops shows what to do and whose turn it is, as on the progress card.

    A mail that must be sent again counts as not sent.
    """
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        answered("test_sent"),
        found("test_mail", State.WAITING, cause=cause, waiting_for=turn),
    )
    view = progress.mail_view(run, services)
    assert (view.problem, view.remedy, view.turn) == (
        Text(f"cause.{cause}"),
        Text(remedy_within(cause)),
        turn,
    )
    assert (
        view.sent_at is not None,
        view.of_answer,
        {name: getattr(view, name) for name in part},
    ) == (
        sent,
        False,
        part,
    )
    assert progress.view(run).turn in {turn, Turn.NOBODY}


def test_an_answer_that_stops(services: Services, begin: Begin):
    """If an agent's answer fails, the mail counts as received, and both cards say Agent's turn."""
    at = "2026-11-25T09:00:00+00:00"
    facts = {"arrived_at": at, "forwarded_at": at}
    stopped = {
        "cause": "sender_restricted",
        "waiting_for": Turn.AGENT,
        "facts": {"answer_failed_at": at},
    }
    run = begin(
        SIGNED_IN,
        PLANNED,
        APPROVED,
        found("test_mail", facts=facts),
        found("agent_answer", State.WAITING, **stopped),
    )
    view = progress.mail_view(run, services)
    assert (view.of_answer, view.turn, view.agent_at) == (
        True,
        Turn.AGENT,
        datetime.fromisoformat(at),
    )
    assert progress.view(run).turn is Turn.AGENT
