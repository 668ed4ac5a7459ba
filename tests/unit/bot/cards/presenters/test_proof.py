"""Card of the rehearsal."""

from __future__ import annotations

from typing import Any

import pytest

from adaptive_cards.views import Trouble
from bot.cards.presenters import connect_form
from bot.services import Services
from jobs.clock import now
from jobs.model import Evidence, State, Text, Turn
from jobs.runs.run import Event, Kind
from tests.unit.bot.cards.presenters.stage_events import (
    FORM,
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
         {"url": "", "problem": Trouble(Text("cause.smtp_token_refused"), "535 no")}),
        ([answered("rehearse"),
          Event(Kind.PROBLEM, now(), data={"question": "mailbox_sign_in",
                                           "cause": "wrong_mailbox_user", "code": "x@y.z"})],
         {"url": "", "problem": Trouble(Text("cause.wrong_mailbox_user"), "x@y.z")}),
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
