"""Unknown codes: the card shows the whole code, with the ids for the service's support."""

import json
import re

import httpx
import pytest

from bot.cards.presenters import connect_form, plan, progress, verdict
from bot.cards.presenters.card_state import header
from bot.cards.presenters.verdict import draw as draw_verdict
from jobs.clock import now
from jobs.clouds.errors import RequestIds
from jobs.engine.findings import finding_from_error
from jobs.microsoft.exchange import judge_exchange
from jobs.microsoft.graph import judge_graph
from jobs.microsoft.identity import entra_error
from jobs.model import Evidence, State, Text, Turn
from jobs.runs.run import Event, Kind
from jobs.steps.mailbox_and_smtp_auth import SmtpAuth
from tests.fixtures.run_events import answered, found, noted
from tests.unit.bot.cards.presenters.stage_events import SIGNED_IN

IDS = RequestIds("req-7f1c", "cli-09ab")
WORDS = "Something that was new in November."
READ_ON = "https://login.microsoftonline.com/error?code=9999999"
"""Address with an error code at its end. A card shortens such a long word in its middle."""
REPLY = "554 5.9.99 Something new [AM0PR01.eurprd.example 2026-11-25T09:00:00.000Z 08DE2C]"
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"})


def entra():
    """Return an unknown error of the token endpoint, in the form that Entra writes."""
    told = f"AADSTS9999999: {WORDS} Trace ID: trc-1 Correlation ID: cor-2 Timestamp: 2026-11-25 09:00:00Z"
    body = {
        "error": "brand_new",
        "error_description": told,
        "error_codes": [9999999],
        "trace_id": "trc-1",
        "correlation_id": "cor-2",
    }
    return entra_error(body | {"error_uri": READ_ON}, 400)


def graph():
    """Return an unknown error in Graph's form."""
    return judge_graph(
        httpx.Response(400, json={"error": {"code": "Request_BrandNew", "message": WORDS}}), IDS
    )


def exchange():
    """Return an unknown error in the form of Exchange's InvokeCommand."""
    told = f"Ex6F9304|Microsoft.Exchange.BrandNewException|{WORDS}"
    error = {"code": "BadRequest", "message": "Invalid Operation"}
    error["details"] = [{"code": "Client", "message": told}]
    return judge_exchange(httpx.Response(400, json={"error": error}), IDS)


UNKNOWN = {
    "entra": (entra, ("AADSTS9999999", WORDS, "r?code=9999999", "trc-1", "cor-2")),
    "graph": (graph, ("400 Request_BrandNew", WORDS, "req-7f1c", "cli-09ab")),
    "exchange": (exchange, ("400 BrandNewException", WORDS, "req-7f1c", "cli-09ab")),
}


def missing(card, told: tuple[str, ...]) -> list[str]:
    """Return the texts that are not on the card, ignoring Markdown escapes."""
    shown = re.sub(r"\\+", "", json.dumps(card.content, ensure_ascii=False))
    return [each for each in told if each not in shown]


def refused(services, run, error, *more: Event):
    """Return the run after a step that could not be looked at because of this error."""
    services.store.append(run.id, noted(finding_from_error(SmtpAuth(), error, run)), *more)
    return services.store.load(run.id)


@pytest.mark.parametrize("service", UNKNOWN)
def test_on_the_cards_of_a_setup(services, begin, service):
    """An unknown code is on the plan that it stops, and on the progress card."""
    error, told = UNKNOWN[service]
    run = refused(services, begin(SIGNED_IN, PLANNED), error())
    head = header(run)
    cards = [plan.plan(run, head), progress.progress(run, head, now())]
    assert [missing(card, told) for card in cards] == [[], []]


@pytest.mark.parametrize("service", UNKNOWN)
def test_on_the_card_of_a_check(services, begin, service):
    """An unknown code is in the list of all findings on the card of a check."""
    error, told = UNKNOWN[service]
    run = refused(services, begin(SIGNED_IN, kind="check"), error(), Event(Kind.CHECKED, now()))
    assert missing(draw_verdict(verdict.view(run, services)), told) == []


def test_on_the_card_of_a_rehearsal(begin):
    """An SMTP server's unknown reply is shown word for word, with its own trace.

    The reply has an explanation of its own.
    """
    more = {"cause": "smtp_refused", "evidence": (Evidence("smtp", REPLY),)}
    more |= {"seen": Text("seen.smtp_failed", {"phase": "key:phase.banner", "reply": REPLY})}
    failed = found("rehearsal", State.WAITING, waiting_for=Turn.MAILBOX_USER, **more)
    run = begin(SIGNED_IN, PLANNED, answered("rehearse"), failed)
    assert missing(connect_form.rehearsal(run, header(run)), (REPLY,)) == []


def test_what_is_tried_again_by_itself_has_no_ids_on_a_card(services, begin):
    """An error that is tried again by itself has no ids on the card.

    Each try has new ids, and a card that takes ten edits is not edited for them.
    """
    error = judge_graph(
        httpx.Response(503, json={"error": {"code": "ServiceUnavailable", "message": "Later"}}), IDS
    )
    run = refused(services, begin(SIGNED_IN), error)
    card = progress.progress(run, header(run), now())
    assert missing(card, ("503 ServiceUnavailable Later",)) == []
    assert missing(card, ("req-7f1c",)) == ["req-7f1c"]
