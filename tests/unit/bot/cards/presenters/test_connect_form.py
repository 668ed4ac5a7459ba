"""The form of Webex Connect: who signs in for which mailbox."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from bot.cards.presenters import connect_form
from jobs.clock import now
from jobs.model import Finding, Scope, State, Turn
from jobs.runs.run import Event, Kind
from practice import cardtext
from tests.fixtures.run_events import answered, changing, found
from tests.unit.bot.cards.presenters.stage_events import LINE, SIGNED_IN

MAILBOX = "support@example.test"
FORM = found("mailbox_fields", State.WAITING, waiting_for=Turn.REQUESTER)
REHEARSED = answered("mailbox_sign_in", by="delegate@example.test")
DELEGATE = "delegate@example.test"
ANY_USER = text("connect.login_of_user")


def named(**facts: str) -> Event:
    """Return the event of a delegate that was found."""
    known = {"delegate": "delegate@example.test", "delegate_id": "oid-9", **facts}
    finding = Finding("delegate", State.OK, facts=known)
    return Event(Kind.FOUND, now(), step="delegate", finding=finding)


def user(**facts: str) -> Event:
    """Return the event of a mailbox user that was found, with these facts."""
    return found("mailbox_user", facts={"upn": MAILBOX, **facts})


@pytest.mark.parametrize(
    ("events", "username", "login"),
    [
        ([user()], MAILBOX, ""),
        ([user(upn="S1@example.test")], "S1@example.test", "S1@example.test"),
        ([user(upn=MAILBOX.upper())], MAILBOX.upper(), ""),
        ([user(shared="blocked")], ANY_USER, ANY_USER),
        ([user(shared="blocked", upn="s2@example.test"), named()], DELEGATE, DELEGATE),
        ([user(shared="yes"), REHEARSED], DELEGATE, DELEGATE),
        ([user(shared="yes"), named(username=MAILBOX)], MAILBOX, DELEGATE),
    ],
)
def test_the_login_for_generating_tokens(services, begin, events, username, login):
    """If the login is not the asset's address, the card names it as Login ID.

    Username is the token's own user: for a shared mailbox the delegate, unless the rehearsal has
    found that the server takes only the mailbox's address. Email ID stays the mailbox.
    """
    (card,) = connect_form.cards(begin(SIGNED_IN, FORM, *events), services)
    labels = ("connect.email_id", "connect.username")
    shown = [cardtext.value(card.card.content, text(label)) for label in labels]
    assert shown == [MAILBOX, username]
    label = text("connect.login_id")
    assert (label in str(card.card.content)) is bool(login)
    assert not login or cardtext.value(card.card.content, label) == login


SECRET = replace(LINE, step="client_secret", row="E3", scope=Scope.APP)
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "plan-1"}, changes=(SECRET,))
MADE = replace(changing("client_secret"), changes=(SECRET,))


@pytest.mark.parametrize(
    ("events", "said", "left_out"),
    [
        (
            [PLANNED],
            (text("connect.title_token"), text("connect.secret_stays")),
            ("Fill in the email app", "New secret"),
        ),
        (
            [PLANNED, MADE],
            (text("connect.title_secret"), text("button.other_fields"), "New secret"),
            (text("connect.secret_stays"), "Fill in the email app"),
        ),
    ],
    ids=["planned", "made"],
)
def test_a_fix_asks_for_a_secret_only_where_it_has_made_one(
    services, begin, events, said, left_out
):
    """A fix asks for a client secret only if it created one, and it has no rehearsal.

    If the app was wrong, the plan creates a secret, because the existing one could not be checked.
    """
    run = begin(SIGNED_IN, FORM, *events, user(), kind="fix")
    (card,) = connect_form.cards(run, services)
    told = (card.card.text + str(card.card.content)).replace("\u00a0", " ")
    assert [words for words in said if words not in told] == []
    assert [words for words in left_out if words in told] == []

    assert connect_form.rehearsal_cards(run, services) == []


IN_LOG = found("token")
SAVED = answered("token_saved")
REGISTERED = answered("registered")
ARRIVED = found("agent_has_it")


@pytest.mark.parametrize(
    ("kind", "events", "offered"),
    [
        ("setup", [], True),
        ("setup", [IN_LOG], True),
        ("setup", [IN_LOG, SAVED], False),
        ("setup", [IN_LOG, REGISTERED], False),
        ("fix", [IN_LOG], True),
        ("fix", [IN_LOG, SAVED], False),
        ("fix", [IN_LOG, ARRIVED], False),
    ],
)
def test_a_log_does_not_take_the_button_away(services, begin, kind, events, offered):
    """The button Token saved stays while only Entra's log says that the token was generated."""
    run = begin(SIGNED_IN, FORM, PLANNED, *events, user(), kind=kind)
    cards = connect_form.cards(run, services)
    assert ("'token_saved'" in str([card.card.content for card in cards])) is offered
