"""Tests of the practice page's logic: how far a mail came, and which address a link leads to."""

import flask
import httpx
import pytest

from practice.page import form, mail_path, relay
from practice.page.addresses import Places
from tests.unit.adaptive_cards.examples import MAILBOX
from tests.unit.adaptive_cards.progress_examples import connected

MAIL = {
    "message_id": "<1@customer.example>",
    "sender": "jo@customer.example",
    "subject": "Order",
    "body": "",
    "size": 9,
}
FORWARDING = "abc@mail-us.imiconnect.io"


def _copy(place: str, note: str = "", owner: str = "support@contoso.com"):
    return {
        **MAIL,
        "recipient": owner,
        "at": "2026-11-24T10:00:00+00:00",
        "place": place,
        "owner": owner,
        "note": note,
    }


def _log(code: str, direction: str = "inbound", subject: str = "Order"):
    return {
        "at": "2026-11-24T10:00:01+00:00",
        "direction": direction,
        "code": code,
        "description": "said so",
        "subject": subject,
    }


ANSWER = _copy("refused", "550 5.7.1 Answer in the portal") | {
    "message_id": "<2@contoso.com>",
    "subject": "Re: Order",
}
BOX, COPY = _copy("mailbox"), _copy("connect")
TASK, SENT = _log("received"), _log("7501", "outbound", "Re: Order")


def _states(drawn) -> dict[str, str]:
    return {station["name"]: station["state"] for station in drawn["stations"]}


@pytest.mark.parametrize(
    ("mail", "log", "states"),
    [
        ([], [], "idle idle idle idle idle idle"),
        ([_copy("nowhere", "550 5.1.10")], [], "ok wrong idle idle idle idle"),
        ([_copy("refused", "550 5.7.134")], [], "ok wrong idle idle idle idle"),
        ([BOX], [], "ok ok wrong idle idle idle"),
        ([BOX, _copy("rejected", "550 5.7.520")], [], "ok ok wrong idle idle idle"),
        ([BOX, _copy("internet", owner="x@b.example")], [], "ok ok wrong idle idle idle"),
        ([BOX, COPY], [_log("7007")], "ok ok ok wrong idle idle"),
        ([BOX, COPY], [TASK], "ok ok ok ok ok idle"),
        ([COPY], [TASK, _log("7553", "outbound", "Re: Order")], "ok ok ok ok ok wrong"),
        ([COPY], [TASK, SENT], "ok ok ok ok ok ok"),
        ([COPY, ANSWER], [TASK, SENT], "ok ok ok ok ok wrong"),
    ],
)
def test_how_far_the_mail_came(mail, log, states):
    """Stations that the mail passed are ok, the one that stopped it is wrong, the others wait."""
    tasks = (
        [{"message_id": MAIL["message_id"], "status": "queued"}]
        if any(entry["code"] == "received" for entry in log)
        else []
    )
    assert " ".join(_states(mail_path.stations(mail, log, tasks, FORWARDING)).values()) == states


def test_reply_that_stopped_it_is_kept_whole():
    """The station that stopped the mail shows the server's full reply.

    Stopped mails are counted.
    """
    drawn = mail_path.stations(
        [_copy("mailbox"), _copy("rejected", "550 5.7.520 Access denied")] * 2, [], [], FORWARDING
    )
    forward = next(station for station in drawn["stations"] if station["name"] == "forward")
    assert (forward["reply"], drawn["stopped"]) == ("550 5.7.520 Access denied", 2)


def test_links_to_the_cloud_lead_through_the_page(tmp_path):
    """Links and redirects to the cloud go through the page, but an address to copy is unchanged."""
    places = Places("http://127.0.0.1:8090", "http://127.0.0.1:1", "https://localhost:2", tmp_path)
    html = (
        '<head></head><body><a href="https://localhost:2/common/x">Go</a><input '
        'value="https://localhost:2/t/authorize"><a href="webexteams://im?email=b@webex.bot">'
        "Back</a></body>"
    )
    with flask.Flask("test").test_request_context(
        "/", headers={"Cookie": "practice_you=admin@contoso.com"}
    ):
        shown = relay._in_practice(html, places)  # noqa: SLF001  the function that every page goes through
    assert 'href="http://127.0.0.1:8090/cloud/common/x"' in shown
    assert 'value="https://localhost:2/t/authorize"' in shown
    assert "You are admin@contoso.com." in shown
    assert '<a data-practice="webex" href="http://127.0.0.1:8090/">Back</a>' in shown


@pytest.mark.parametrize("saved", [False, True])
def test_the_form_is_copied_at_any_time(monkeypatch, tmp_path, saved):
    """The fields come from the newest card that has them all, whatever its buttons are."""
    card = connected(pressed=("token_saved",) * saved, gone=saved).content
    items = [{"card": card}, {"card": {"type": "AdaptiveCard", "body": []}}]
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"items": items}))
    monkeypatch.setattr(relay, "client", lambda _: httpx.Client(transport=answer))
    fields = form.filled(Places("http://here", "http://bot", "https://cloud", tmp_path))
    assert (fields["email_id"], fields["port"]) == (MAILBOX, "587")
