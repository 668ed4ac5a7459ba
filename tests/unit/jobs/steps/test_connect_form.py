"""Rows C3 to C7: the form of Webex Connect, its token and the registration."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from jobs.access.mailbox_login import record_beginning
from jobs.clouds.http import async_client
from jobs.contact_center import services
from jobs.model import Finding, State, Text, Turn, minute_of
from jobs.runs.run import Event, Kind
from jobs.steps import rehearses, steps_of
from jobs.steps.connect_form import MailboxFields, Registered, Token, token_at
from tests.unit.jobs.steps.looks import MADE, sign_in
from tests.unit.jobs.steps.looks_of_mail import LOG, OF_TOKEN


@pytest.mark.parametrize(
    ("answers", "facts", "known"),
    [
        ({}, {}, False),
        ({}, {"generated_at": "2026-11-25T09:10:00+00:00"}, True),
        ({"token_saved": "yes"}, {}, True),
    ],
)
def test_when_the_token_was_generated(given, answers, facts, known):
    """The requester's confirmation or the sign-in log shows when the token was generated.

    A check and the file for Cisco TAC use this time.
    """
    run = given(answers=answers, facts=facts).run
    assert (token_at(run) is not None) is known


STEP = Registered()


AT = datetime(2026, 11, 25, 9, 10, tzinfo=UTC)
"""Time at which the token was generated."""


def entry(minutes: float, event: str = "updateApp", status: str = "SUCCESS") -> dict[str, str]:
    """Return an entry of Webex Connect's audit log, so many minutes after the token."""
    at = (AT + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    said = {"eventDescription": event, "statusOfAction": status, "actorEmail": "kim@contoso.com"}
    return {"created": at.replace("+00:00", "Z"), **said}


@pytest.fixture
def logged(given, work_settings, monkeypatch):
    """Return a function that creates a run with these entries in Webex Connect's audit log."""

    def make(*entries: dict[str, str], status: int = 200, **more):
        body = {"auditLogs": list(entries), "totalRecords": len(entries)}
        transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body))
        monkeypatch.setattr(services, "async_client", lambda given: async_client(given, transport))
        url = "https://contoso.us.webexconnect.io/connectapi/v1/auditlogs"
        settings = replace(work_settings, connect_audit_url=url, connect_audit_token="t")
        facts = {"generated_at": AT.isoformat()}
        return given(settings=settings, facts=facts, **more)

    return make


async def test_save_and_register_are_two_changes_of_the_app(logged):
    """Two changes of the app after Generate Token, Save and Register, are proof in the audit log.

    So the requester is not asked.
    """
    found = await STEP.inspect(logged(entry(1, "createApp"), entry(2), entry(-1)))
    at = minute_of(AT + timedelta(minutes=2))
    assert found == Finding("registered", State.OK, seen=Text("seen.registered_in_log", {"at": at}))


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [entry(1)],
        [entry(1), entry(2, status="ERROR")],
        [entry(1), entry(2, "updateFlow")],
        [entry(-2), entry(-1)],
    ],
)
async def test_less_does_not_show_it(logged, entries):
    """If the audit log has fewer changes, the requester is asked.

    The log is read again later by itself.
    """
    found = await STEP.inspect(logged(*entries))
    assert (found.state, found.waiting_for) == (State.WAITING, Turn.REQUESTER)
    assert found.until is not None


@pytest.mark.parametrize(("minutes", "state"), [(2, State.OK), (-2, State.WAITING)])
async def test_after_the_word_that_the_token_is_saved_one_change_is_enough(logged, minutes, state):
    """Once the requester has confirmed the saved token, one later change of the app is enough.

    Save came before that, so only Register To Webex Engage is left.
    """
    said = Event(Kind.ANSWERED, AT, data={"question": "token_saved", "value": "yes"})
    assert (await STEP.inspect(logged(entry(minutes), events=(said,)))).state is state


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_a_log_that_cannot_be_read(logged, status):
    """If the audit log cannot be read, the step waits for the requester's button."""
    found = await STEP.inspect(logged(entry(1), entry(2), status=status))
    assert (found.state, found.cause) == (State.WAITING, "")


SHOWN = {"secret_shown": "key-1"}
TOKEN = Token()


@pytest.fixture
def shown(given):
    """Return a function that creates a run whose secret was shown on the one-time page."""

    def make(**more):
        answers = {**SHOWN, **more.pop("answers", {})}
        return given(facts=OF_TOKEN, answers=answers, changed={"client_secret": MADE}, **more)

    return make


async def test_a_token_that_the_log_shows_is_not_asked_for(shown, cloud):
    """The mailbox user's sign-in in the log proves Generate Token, and so the whole form."""
    cloud.on(LOG, [sign_in(3)])
    ctx = shown()
    found = await TOKEN.inspect(ctx)
    at = MADE + timedelta(minutes=3)
    seen, facts = Text("seen.token_in_log", {"at": minute_of(at)}), {"generated_at": at.isoformat()}
    assert found == Finding("token", State.OK, seen=seen, facts=facts)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, at, step="token", finding=found))
    after = replace(ctx, run=ctx.store.load(ctx.run.id))
    told = await MailboxFields().inspect(after)
    assert told == Finding("mailbox_fields", State.OK, seen=Text("seen.shown_by_token"))


@pytest.mark.parametrize(
    ("rows", "cause"),
    [
        ([sign_in(3, 7000215)], "client_secret_wrong"),
        ([sign_in(4, 7000215), sign_in(3)], "client_secret_wrong"),
        ([sign_in(3, user="user-2")], "wrong_mailbox_user"),
    ],
)
async def test_a_failure_is_named_and_has_the_sign_in_tested(shown, cloud, rows, cause):
    """A failed Generate Token is reported with its cause.

    The rehearsal is offered, even if the requester did not want it before.
    """
    cloud.on(LOG, rows)
    ctx = shown(answers={"check_login": "no"})
    assert (rehearses(ctx.run), "rehearsal" in steps_of(ctx.run)) == (False, False)
    found = await TOKEN.inspect(ctx)
    assert (found.state, found.cause) == (State.WAITING, cause)
    failed = Event(Kind.FOUND, MADE, step="token", finding=found)
    ctx.store.append(ctx.run.id, failed)
    assert "rehearsal" in steps_of(ctx.store.load(ctx.run.id))
    good = Finding("token", State.OK)
    ctx.store.append(ctx.run.id, Event(Kind.FOUND, MADE, step="token", finding=good))
    assert "rehearsal" not in steps_of(ctx.store.load(ctx.run.id))


@pytest.mark.parametrize(("kind", "asked"), [("setup", []), ("fix", [LOG])])
async def test_the_log_is_read_only_after_the_secret_was_shown(given, cloud, kind, asked):
    """A setup reads the log only after the secret was shown, as no token can exist before.

    A fix that keeps its old secret reads the log at once.
    """
    await TOKEN.inspect(given(facts=OF_TOKEN, kind=kind))
    assert [what for what, _ in cloud.asked] == asked


async def test_the_bots_own_sign_in_is_no_token(shown, cloud):
    """The log is not read during the rehearsal, as the mailbox user then signs in for the bot."""
    cloud.on(LOG, [sign_in(3)])
    found = await TOKEN.inspect(shown(answers={"rehearse": "yes"}))
    assert (found.state, cloud.asked) == (State.WAITING, [])


BEGAN = "11111111-2222-4333-8444-555555555555"
"""ID with which the rehearsal's sign-in began."""
OWN = sign_in(3, correlationId=BEGAN.upper())
LATER = MADE + timedelta(minutes=3, seconds=1)
"""Time at which the rehearsal of :data:`OWN` succeeded."""


def by_secret(key_id: str | None):
    """Return a sign-in with this secret."""
    return sign_in(4, servicePrincipalCredentialKeyId=key_id)


@pytest.mark.parametrize(
    ("rows", "in_full", "minutes"),
    [
        ([], [], None),  # nothing yet
        ([OWN], [], None),  # the rehearsal only
        ([sign_in(8, correlationId=BEGAN)], [], None),  # the rehearsal, whenever it is logged
        ([sign_in(4), OWN], [], 4),  # another one
        ([sign_in(4, 50058), OWN], [], None),  # another one, abandoned
        ([sign_in(3)], [sign_in(3)], None),  # the rehearsal without its ID
        ([sign_in(4), sign_in(3)], [sign_in(4), sign_in(3)], None),  # two without IDs
        ([sign_in(4)], [by_secret("KEY-1")], 4),  # Webex Connect's secret
        ([sign_in(4)], [by_secret("own-key")], None),  # the bot's secret
        ([sign_in(4)], [by_secret(None)], None),  # no secret named
        ([by_secret("own-key"), OWN], [], None),  # the bot's secret once more
        ([sign_in(4)], 404, None),  # no beta
    ],
)
async def test_a_rehearsal_is_never_taken_for_generate_token(shown, cloud, rows, in_full, minutes):
    """After a rehearsal a sign-in counts only if it is known not to be the bot's own.

    The log shows that by the ID of the rehearsal's sign-in, or by the secret that was used.
    """
    cloud.on(LOG, rows)
    cloud.on("GET /beta/auditLogs/signIns", in_full if isinstance(in_full, list) else (404, {}))
    rehearsed = Event(Kind.FOUND, LATER, step="rehearsal", finding=Finding("rehearsal", State.OK))
    ctx = shown(answers={"rehearse": "yes"}, events=(rehearsed,))
    record_beginning(ctx.store.redis, ctx.channel.mailbox, BEGAN)
    found = await TOKEN.inspect(ctx)
    at = minutes and (MADE + timedelta(minutes=minutes)).isoformat()
    told = found.state, found.facts.get("generated_at")
    assert told == (State.OK if minutes else State.WAITING, at)


@pytest.mark.parametrize(
    ("answers", "offered"),
    [
        ({}, True),
        ({"check_login": "yes"}, True),
        ({"check_login": "no"}, False),
        ({"check_login": "no", "token_failed": "client_secret_wrong"}, True),
        ({"check_login": "no", "rehearse": "yes"}, True),
    ],
)
def test_when_the_sign_in_is_tested(given, answers, offered):
    """The rehearsal is offered for the login of /check.

    It is also offered after a failed Generate Token, and if it has already begun.
    """
    steps = steps_of(given(answers=answers).run)
    assert {"rehearsal", "check_secret"} <= steps.keys() if offered else "rehearsal" not in steps
    assert ("check_secret" in steps) is offered
