"""Command ``/audit``: who may see which entries, and the contents of the file and the card."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards.texts import text
from jobs.clock import now
from jobs.model import Account, Channel, Person
from jobs.runs.audit import read
from jobs.runs.run import Event, Kind, Origin
from jobs.runs.run_store import RunStore
from jobs.runs.trust import file_problem, missing_entries
from jobs.runtime import install
from tests.unit.bot.actions.presses import of_bot
from tests.unit.bot.commands.typed_commands import sent, type_

ANNA = Person("anna", "anna@example.test", "org-1")
EVE = Person("eve", "eve@example.test", "org-1")


@pytest.fixture
def runs(services) -> dict[str, str]:
    """Return three runs: Anna's here, Eve's in another space, and one of Anna's there.

    The last one learned its mailbox later.
    """
    mine = services.store.open(
        Channel("support@contoso.com"), ANNA, Origin("room-1", message="m-1")
    )
    admin = Account("t", "o", "admin@example.test")
    services.store.append(mine.id, Event(Kind.SIGNED_IN, now(), by=admin.upn, account=admin))
    other = services.store.open(Channel("sales@contoso.com"), EVE, Origin("room-2", message="m-2"))
    later = services.store.open(Channel(""), ANNA, Origin("room-2", message="m-3"))
    services.store.append(
        later.id, Event(Kind.DETAILS, now(), by=ANNA.email, channel=Channel("info@contoso.com"))
    )
    return {"here": mine.id, "other": other.id, "later": later.id}


def asked(ctx, webex_script, argument: str = ""):
    """Type ``/audit``, and return the entries of the file without its seal, and the cards' text."""
    webex_script.asked.clear()
    type_(ctx, "audit", argument)
    posts = sent(webex_script)
    files = [body["files"] for body in posts if "files" in body]
    entries = [json.loads(line) for each in files for line in each.splitlines()[:-1]]
    return entries, str([body.get("attachments") for body in posts if "attachments" in body])


def taken(ctx, webex_script) -> bytes:
    """Type ``/audit``, and return the content of its file."""
    type_(ctx, "audit")
    return next(body["files"] for body in sent(webex_script) if "files" in body)


def seen(entries, runs: dict[str, str]) -> set[str]:
    """Return the names of the runs that the entries belong to."""
    names = {identifier: name for name, identifier in runs.items()}
    return {names[str(entry["run"])] for entry in entries if "run" in entry}


def approving(ctx, *approvers: str):
    """Return the context of a bot whose settings name these approvers."""
    made = of_bot(ctx, approvers=approvers)
    install(made.services)
    return made


def test_in_a_space_only_what_belongs_there(anna, webex_script, runs):
    """In a space, ``/audit`` shows the runs of that space, and nothing of another space."""
    here, there = {"by": ANNA.email, "room": "room-1"}, {"by": EVE.email, "room": "room-2"}
    anna.services.store.audit.add({"what": "refused"} | here, {"what": "refused"} | there)
    entries, card = asked(anna, webex_script)
    assert seen(entries, runs) == {"here"}
    assert [entry["what"] for entry in entries] == ["opened", "signed_in", "refused"]
    assert "support@contoso.com" in card
    assert "sales@contoso.com" not in card
    assert text("audit.what.signed_in") in card


def test_in_a_direct_message_what_is_ones_own(anna, webex_script, runs):
    """In a 1:1, ``/audit`` shows a person all runs that this person asked for, in any space.

    A run whose first entry was removed after its time is known by who asked for it.
    """
    assert anna.services.store.audit.clear(now() + timedelta(seconds=1), most=1) == 1
    entries, _ = asked(replace(anna, room="room-9", direct=True), webex_script)
    assert seen(entries, runs) == {"here", "later"}


def test_an_approver_sees_everything_in_a_direct_message(anna, webex_script, runs):
    """In a 1:1, an approver sees all runs.

    In a space, even an approver sees only that space's runs, because everybody there reads along.
    """
    ctx = approving(anna, "anna@example.test")
    entries, _ = asked(replace(ctx, room="room-9", direct=True), webex_script)
    assert seen(entries, runs) == {"here", "other", "later"}
    assert seen(asked(ctx, webex_script)[0], runs) == {"here"}


def test_whoever_has_several_addresses_is_known_by_each(anna, webex_script, runs):
    """A person with several addresses is recognized by each, as an approver and as a requester."""
    person = replace(anna.person, email="a.second@example.test", others=(ANNA.email,))
    second = replace(anna, person=person, direct=True, room="direct-1")
    assert seen(asked(second, webex_script)[0], runs) == {"here", "later"}
    every = seen(asked(approving(second, ANNA.email), webex_script)[0], runs)
    assert every == {"here", "other", "later"}


def test_who_is_no_approver_sees_nothing(anna, webex_script, runs):
    """If approvers are configured, others get no audit trail, and their attempt is recorded."""
    entries, card = asked(approving(anna, "boss@example.test"), webex_script)
    assert (entries, text("audit.not_yours") in card, "support@" in card) == ([], True, False)
    last = read(anna.services.store.audit.entries()[-1])
    refused = {"what": "refused", "by": ANNA.email, "why": "audit.not_yours", "room": "room-1"}
    assert last | refused == last


@pytest.mark.parametrize(
    ("approvers", "listed", "hint"),
    [
        ((), True, False),
        (("anna@example.test",), True, False),
        (("boss@example.test",), False, True),
    ],
)
def test_help_lists_it_for_whom_it_is(anna, webex_script, approvers, listed, hint):
    """Help lists ``/audit`` only for people who may run it.

    Help says that a command is left out only if that is true.
    """
    type_(approving(anna, *approvers), "help")
    card = str(webex_script.asked[-1])
    assert ("/audit [ADDRESS]" in card) == listed
    assert (text("help.not_listed") in card) == hint
    assert "/setup-email" in card


def test_one_channel(anna, webex_script, runs):
    """The audit trail of a channel has all its runs, also if they learned the mailbox later.

    A channel that the person may not see is unknown here.
    """
    entries, _ = asked(replace(anna, room="room-2"), webex_script, "Info@contoso.com")
    assert seen(entries, runs) == {"later"}
    assert [entry["what"] for entry in entries] == ["opened", "details"]
    entries, card = asked(anna, webex_script, "sales@contoso.com")
    assert entries == []
    assert text("notice.unknown_channel_title", mailbox="sales@contoso.com") in card
    assert text("typed.comma_in_domain") in asked(anna, webex_script, "info@contoso,test")[1]


def test_taking_it_out_is_recorded(anna, webex_script, runs):
    """An export of the audit trail is recorded with its person, space and number of entries."""
    asked(anna, webex_script)
    last = read(anna.services.store.audit.entries()[-1])
    assert last | {"what": "exported", "by": ANNA.email, "entries": 2, "room": "room-1"} == last


def test_tampering_is_said(anna, webex_script, runs):
    """If an entry is missing, the card names it, and the file is handed out all the same."""
    anna.services.redis.rpop("audit:entries")
    entries, card = asked(anna, webex_script)
    assert (len(entries), text("audit.broken", entry="5") in card) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "reason",
    [
        *("a\r\nb", "\x1b[31m", "[Approve](https://evil.test)", "${env}", "\u202eabc"),
        *("<b>x</b>", "x" * 100_000),
    ],
)
def test_hostile_text_does_no_harm(anna, webex_script, runs, reason):
    """Hostile text is one line of plain ASCII in the file.

    The card holds nothing that a client would act on.
    """
    hostile = Person("anna", f"{reason}@example.test", "org-1")
    anna.services.store.open(
        Channel(f"x{reason}@example.test"), hostile, Origin("room-1", reason, message="m-9")
    )
    webex_script.asked.clear()
    type_(anna, "audit")
    file, post = sent(webex_script)
    assert [
        line.isascii() and line.decode().isprintable() for line in file["files"].split(b"\n")
    ] == [True] * 5
    drawn = json.dumps(post["attachments"])
    assert len(drawn) < 16_000
    assert re.findall(r"\\u001b|\\u202e|\\r|\\n|\$\{", drawn) == []


def test_no_secret_of_the_bot_leaves(anna, webex_script, services):
    """A secret that got into the audit trail unnoticed is not in the file."""
    work = replace(
        services.settings,
        contact_center_token="token-of-the-contact-center",
        connect_audit_token="token-of-the-audit-log",
        probe_smtp_url="smtp://me:pass%22word-of-the-server@mail.example.test",
        redis_url="redis+sentinel://one:26379/main?sentinel_password=password-of-sentinels",
    )
    anna = replace(anna, services=replace(services, settings=work))
    secrets = (
        services.bot.webex_access_token,
        work.microsoft_client_secret,
        *services.bot.webhook_secrets,
        *("token-of-the-contact-center", "token-of-the-audit-log"),
        *('pass"word-of-the-server', "password-of-sentinels"),
    )
    services.store.audit.add(
        *({"what": "said", "room": "room-1", "value": f"it was {secret}"} for secret in secrets)
    )
    file = taken(anna, webex_script).decode()
    assert [s for s in secrets if s in file or json.dumps(s)[1:-1] in file] == []
    assert file.count("[removed]") == len(secrets)


FORGED = {
    "an entry changed": lambda lines: [lines[0], lines[1].replace(b"admin@", b"boss@"), *lines[2:]],
    "an entry left out": lambda lines: lines[1:],
    "its end cut off": lambda lines: [*lines[:-2], lines[-1]],
    "cut off with the seal": lambda lines: lines[:-1],
    "another count": lambda lines: [*lines[:-1], lines[-1].replace(b'"entries":2', b'"entries":3')],
    "only the seal left": lambda lines: lines[-1:],
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_file_is_found(anna, webex_script, runs, how):
    """The file of /audit verifies as a whole or not at all, also if the chain is computed again."""
    content = taken(anna, webex_script)
    store = anna.services.store
    assert (file_problem(store, content), missing_entries(store, content)) == ("", "")
    forged = b"".join(line + b"\n" for line in FORGED[how](content.splitlines()))
    assert (forged != content, file_problem(store, forged) != "") == (True, True)
    assert "ENCRYPTION_KEYS" in file_problem(RunStore(store.redis, ("another-key",)), content)


def test_a_file_shows_that_the_trail_was_set_back(anna, webex_script, runs):
    """A file names an entry that a trail has lost, also if the trail has grown since."""
    redis = anna.services.redis
    lines, head = redis.lrange("audit:entries", 0, -1), redis.get("audit:head")
    content = taken(anna, webex_script)
    redis.ltrim("audit:entries", 0, len(lines) - 1)
    redis.set("audit:head", head or b"")
    again = RunStore(redis, anna.services.settings.encryption_keys)
    assert "no entry 6" in missing_entries(again, content)
    again.audit.add({"what": "later"}, {"what": "later"})
    assert "no entry 6" in missing_entries(again, content)


def test_a_file_may_be_older_than_the_trail(anna, webex_script, runs):
    """Entries that retention has removed since the file was made are not missed."""
    content = taken(anna, webex_script)
    store = anna.services.store
    assert store.audit.clear(now() + timedelta(days=1)) == 6
    assert missing_entries(store, content) == ""
