"""Sign-in of the mailbox user for the rehearsal: for whom it counts, and for what it waits."""

from datetime import timedelta

import pytest

from jobs.access.mailbox_login import own_sign_ins
from jobs.clock import now
from jobs.model import State
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import changing, found
from tests.unit.bot.web.journey import BACK, SIGNED_IN, TENANT, come_back, depart, last, path


def known(state: State = State.OK, **facts: str) -> Event:
    """Return the event that the mailbox user is known."""
    user = {"user_id": "oid-1", "upn": "support@contoso.com", "client_id": "client-1"}
    return found("mailbox_user", state, facts=user | facts)


JUDGED = {True: (Kind.ANSWERED, None), False: (Kind.PROBLEM, "wrong_mailbox_user")}


@pytest.mark.parametrize(
    ("delegate_id", "counts"), [("oid-1", True), ("", False), ("oid-3", False)]
)
def test_only_the_delegate_rehearses_for_a_shared_mailbox(
    services, browser, provider, begin, delegate_id, counts
):
    """For a shared mailbox, only the delegate's sign-in counts, as the delegate has the rights.

    Nobody's sign-in counts while the delegate is not known.
    """
    named = {"delegate": "admin@contoso.com", "delegate_id": delegate_id} if delegate_id else {}
    facts = {"user_id": "oid-2", "upn": "shared@contoso.com", "shared": "blocked"} | named
    run = begin(SIGNED_IN, known(State.POSSIBLE, **facts))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    page = browser.get(path(services, run, "rehearsal")).text
    assert ("for support@example.test" in page, "the mailbox itself" in page) == (True, False)
    asked = depart(services, browser, run, "rehearsal")
    hint = "admin@contoso.com" if delegate_id else None
    assert (asked.get("login_hint"), asked["prompt"]) == (hint, "login")
    browser.get(BACK, query_string=come_back(provider, asked))
    event = last(services, run)
    assert (event.kind, event.data.get("cause")) == JUDGED[counts]
    assert event.by == ("admin@contoso.com" if counts else "")
    assert services.vault.holds(f"rehearsal:{run.id}") is counts


@pytest.mark.parametrize(
    ("step", "ago_s", "numbers", "cause"),
    [
        ("check_secret", 5, (7000215,), None),
        ("check_secret", 130, (7000215,), "own_secret_refused"),
        ("smtp_grant", 5, (65001, 65001), None),
        ("smtp_grant", 130, (65001,), "consent_missing"),
        ("smtp_grant", 5, (65001, 54005), "consent_missing"),
        ("smtp_grant", 5, (50105,), "user_not_assigned"),
    ],
)
def test_what_was_written_a_moment_ago_is_waited_for(
    services, browser, provider, begin, monkeypatch, step, ago_s, numbers, cause
):
    """The sign-in waits for a secret, app or grant of the last two minutes (checklist.toml J7).

    A code that the first try used up does not hide the reason of the first refusal.
    """
    monkeypatch.setattr("bot.web.oauth.SETTLE_S", (0, 0))
    at = now() - timedelta(seconds=ago_s)
    run = begin(SIGNED_IN, known(), changing(step, at), Event(Kind.CHANGED, at, step=step))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, "rehearsal")
    provider.trouble = [provider.refuse(400, "invalid_grant", number) for number in numbers]
    browser.get(BACK, query_string=come_back(provider, asked))
    assert last(services, run).data.get("cause") == cause


@pytest.mark.parametrize(
    ("object_id", "counts"), [("oid-1", True), ("OID-1", True), ("oid-2", False)]
)
def test_only_the_mailbox_user_rehearses(services, browser, provider, begin, object_id, counts):
    """Only the mailbox user can rehearse, known by the object id in the validated token.

    Only that person's tokens are saved, and they are encrypted.
    """
    run = begin(SIGNED_IN, known(user_id=object_id))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, "rehearsal")
    assert (asked["login_hint"], asked["prompt"]) == ("support@contoso.com", "login")
    assert "https://outlook.office.com/SMTP.Send" in asked["scope"]
    browser.get(BACK, query_string=come_back(provider, asked))
    event = last(services, run)
    assert (event.kind, event.data.get("cause")) == JUDGED[counts]
    names = (f"rehearsal:{run.id}", f"rehearsal-session:{run.id}")
    sealed = [*map(services.vault.holds, (*names, f"check-session:{run.channel.mailbox}"))]
    assert sealed == [counts, counts, False]


def test_the_mailbox_user_needs_no_administrator(services, browser, provider, begin):
    """The mailbox user's sign-in counts, although the administrator's sign-in has ended.

    The sign-in goes to the same tenant.
    """
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"})
    run = begin(SIGNED_IN, known(), planned, Event(Kind.SIGNED_OUT, now()))
    services.vault.put(f"rehearsal-secret:{run.id}", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, "rehearsal")
    browser.get(BACK, query_string=come_back(provider, asked))
    assert asked["path"] == f"/{TENANT}/oauth2/v2.0/authorize"
    assert last(services, run).kind == Kind.ANSWERED


def test_each_try_is_recognized_in_the_sign_in_log(services, browser, provider, begin, monkeypatch):
    """Each try of the rehearsal is known as the bot's own, even if the try fails.

    A secret that Entra does not know for a second leaves a failure in the sign-in log.
    """
    monkeypatch.setattr("bot.web.oauth.SETTLE_S", (0, 0))
    changed = Event(Kind.CHANGED, now(), step="check_secret")
    run = begin(SIGNED_IN, known(), changing("check_secret"), changed)
    services.vault.put(f"rehearsal-secret:{run.id}", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, "rehearsal")
    provider.trouble = [provider.refuse(400, "invalid_grant", 7000215)]
    browser.get(BACK, query_string=come_back(provider, asked))
    made = own_sign_ins(services.redis, run.channel.mailbox)
    assert {each.good for each in made if each.ids} == {None, False, True}
    assert {asked["client-request-id"]} in [each.ids for each in made if each.good is None]
    assert "request-id" in last(services, run).data.get("calls", "")
