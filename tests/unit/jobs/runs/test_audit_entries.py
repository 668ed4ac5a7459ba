"""Audit entries of a run: who asked, approved and signed in, and each change, without secrets."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from jobs.model import Account, Change, Channel, Finding, Person, RunKind, Scope, State, Text
from jobs.runs.audit import read
from jobs.runs.event_log import NOT_RECORDED, entries_of, entry
from jobs.runs.fold import fold
from jobs.runs.run import Brief, Event, FixBrief, Kind, Origin, opening
from jobs.runs.run_store import AlreadyRunningError
from jobs.storage import codec

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
STAMP = "2026-11-25T09:00:00+00:00"
ORIGIN = Origin("room-1", message="m-1")
LINE = Change(
    "smtp_auth", "M2", Text("step.smtp_auth"), Text("off"), Text("on"), Scope.MAILBOX, "Set-X"
)
SHOWN = {
    "object": {"key": "step.smtp_auth", "values": {}},
    "before": {"key": "off", "values": {}},
    "after": {"key": "on", "values": {}},
} | {"scope": "mailbox", "command": "Set-X", "reversible": True}


def recorded(store):
    """Return the entries of the audit trail without their numbers and hashes."""
    return [
        {name: value for name, value in read(line).items() if name not in {"prev", "hash", "n"}}
        for line in store.audit.entries()
    ]


def test_a_run_is_told_from_its_beginning_to_its_end(store, asker, channel):
    """Each audit entry names the time, person, run, mailbox, space, tenant and account.

    The entries of changes also show the old and the new values.
    """
    run = store.open(Channel(channel.mailbox), asker, ORIGIN)
    account = Account("tenant-9", "oid-1", "admin@contoso.com", ("role-1",))
    plan, step = {"plan": "p-1", "scope": "mailbox"}, "smtp_auth"
    found = Finding(step, State.WRONG, facts={"user_id": "u-1"})
    signed_in, changed = {"calls": "entra POST /token 200"}, {"calls": "exchange Set-X 200"}
    store.append(run.id, Event(Kind.SIGNED_IN, AT, account.upn, account=account, data=signed_in))
    store.append(run.id, Event(Kind.PLANNED, AT, data={"plan": "p-1"}, changes=(LINE,)))
    store.append(run.id, Event(Kind.APPROVED, AT, by="boss@contoso.com", data=plan))
    store.append(run.id, Event(Kind.RUNNING, AT, step=step))
    store.append(run.id, Event(Kind.CHANGING, AT, step=step, finding=found, changes=(LINE,)))
    store.append(run.id, Event(Kind.CHANGED, AT, step=step, data=changed))
    store.append(run.id, Event(Kind.FOUND, AT, step=step, finding=Finding(step, State.OK)))
    store.end(store.load(run.id), Event(Kind.CANCELLED, AT, by=asker.email))
    about = {"run": run.id, "kind": "setup", "mailbox": channel.mailbox, "room": "room-1"}
    about |= {"asked_by": asker.email}
    signed = about | {"tenant": "tenant-9", "account": account.upn, "at": STAMP}
    opened, *rest = recorded(store)
    assert opened.items() >= (about | {"what": "opened", "by": asker.email}).items()
    assert [each.pop("account_ids", None) for each in rest[:2]] == [
        {"tenant_id": "tenant-9", "object_id": "oid-1", "upn": account.upn, "roles": ["role-1"]},
        None,
    ]
    by_bot = signed | {"by": "bot", "step": step}
    assert rest == [
        signed | {"what": "signed_in", "by": account.upn, "data": signed_in},
        signed | {"what": "planned", "by": "bot", "data": {"plan": "p-1"}, "changes": [SHOWN]},
        signed | {"what": "approved", "by": "boss@contoso.com", "data": plan},
        by_bot | {"what": "changing", "changes": [SHOWN], "facts": {"user_id": "u-1"}},
        by_bot | {"what": "changed", "data": changed},
        signed | {"what": "cancelled", "by": asker.email},
    ]
    assert store.audit.verify().broken_at == 0


def test_only_looking_is_left_out(store, asker, channel):
    """Every kind of event gets one audit entry, except for the kinds that only look."""
    for kind in Kind:
        run = store.open(Channel(f"{kind}@contoso.com"), asker, Origin("room-1", message=kind))
        before = len(store.audit.entries())
        store.append(run.id, Event(kind, AT, channel=channel, person=asker))
        assert len(store.audit.entries()) - before == (kind not in NOT_RECORDED)
        assert len(store.events(run.id)) == 2


def test_a_run_that_learns_its_mailbox(channel):
    """Entries name the mailbox as soon as the run knows it.

    All entries name the kind of run, the space and the requester.
    """
    opened = Event(
        Kind.OPENED, AT, by="a@b.c", run_kind=RunKind.UNDO, origin=ORIGIN, channel=Channel("")
    )
    details = Event(Kind.DETAILS, AT, by="a@b.c", channel=channel)
    first, second = entries_of({"run": "r-1"}, (opened, details))
    every = {"run": "r-1", "kind": "undo", "room": "room-1", "asked_by": "a@b.c"}
    known = {"mailbox": channel.mailbox, "tenant": channel.tenant_id}
    assert (every.items() <= first.items(), "mailbox" in first) == (True, False)
    assert (every | known).items() <= second.items()


def test_who_came_second_is_recorded(store, asker, channel):
    """A request that is refused because another run is active is recorded in the audit trail."""
    first = store.open(channel, asker, ORIGIN)
    with pytest.raises(AlreadyRunningError):
        store.open(channel, Person("p-2", "eve@contoso.com"), replace(ORIGIN, message="m-2"))
    opened, refused = recorded(store)[1:]
    assert (opened["by"], opened["run"] == refused["run"]) == ("eve@contoso.com", True)
    assert (refused["what"], refused["running"]) == ("not_opened", first.id)


def test_a_secret_that_was_shown(store, asker, channel):
    """If a secret is shown, the audit trail records its key ID and never its value."""
    run = store.open(channel, asker, ORIGIN)
    store.mark_secret_shown("key-7", run.id)
    told = {"what": "handed_over", "key_id": "key-7", "run": run.id, "mailbox": channel.mailbox}
    assert recorded(store)[-1].items() >= told.items()
    assert [store.was_secret_shown(each) for each in ("key-7", "key-8")] == [True, False]


@pytest.mark.parametrize(
    "secret",
    [
        "qWg8Q~fakeSecretValue0123456789abcdefghij",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
        "Bearer abcdefgh12345678",
    ],
)
def test_what_looks_like_a_secret_is_never_written(secret):
    """Audit entries contain no secret, neither within an answer nor in a field of its own."""
    found = entry(
        "answered", data={"value": f"because {secret} was seen"}, client_secret="whatever-it-is"
    )
    assert secret not in str(found)
    assert found["client_secret"] == "[removed]"


DIRECT = Origin("room-1", "thread-1", direct=True, message="message-1")
FULL = Brief("client-1", "s1@contoso.com", shared=True, token_at=AT, mailboxes=("a@b.c",))
FIXED = FixBrief(True, "grant_invalid", manual_causes=("mail_loop",), checked_at=AT)  # noqa: FBT003


FIX = Brief(fix=FIXED)


@pytest.mark.parametrize(("kind", "brief"), [*zip(RunKind, [FULL, FIX, Brief()] * 9, strict=False)])
def test_a_run_knows_what_it_was_opened_with(kind, brief):
    """A run's kind, origin and brief are read back from JSON with their types."""
    first = opening(Channel(""), Person("p", "a@b.c"), kind, DIRECT, brief)
    run = fold("R1", [codec.load(codec.dump(first), Event)])
    assert (run.kind is kind, run.origin, run.brief) == (True, DIRECT, brief)


def test_the_audit_trail_says_where_it_was_asked_for(store, asker, channel):
    """A run's first audit entry has its origin and brief, without their empty fields."""
    store.open(channel, asker, DIRECT, RunKind.CHECK, brief=FIX)
    entry = codec.load(store.audit.entries()[0], dict)
    origin = {"room": "room-1", "thread": "thread-1", "direct": True, "message": "message-1"}
    assert (entry["kind"], entry["origin"], "data" in entry) == ("check", origin, False)
    assert entry["brief"]["fix"]["manual_causes"] == ["mail_loop"]
