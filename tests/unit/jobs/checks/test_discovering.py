"""A check of an unknown channel: its questions, the found channel, and its adoption."""

import pytest

from jobs.checks import check
from jobs.checks.check import APP, FORWARDING, answers_to, brief_for, discover, open_questions
from jobs.checks.reading import read
from jobs.clock import now
from jobs.engine.engine import Engine
from jobs.model import Change, Channel, Finding, Profile, RunKind, Scope, State, Text
from jobs.runs.run import AppCandidate, Brief, Event, Kind, Origin, RecordedChange, Search
from jobs.runtime import no_listener
from tests.fixtures.copies import replace
from tests.fixtures.run_events import changing, noted
from tests.unit.jobs.channel.test_discovery import ADDRESS, CALLBACK, MAILBOX

APP_1 = AppCandidate("client-1", "Mail", CALLBACK, Profile.ARTICLE)
WHOLE = Search((APP_1,), certain=True, forwarding_address=ADDRESS, upn=MAILBOX)
TYPED = "0f0f0f0f-1111-4222-8333-444455556666"
NEEDED = ("client_id", "callback_url", "forwarding_address")
BRIEF = Brief(by_hand=True, discover=True)


def found(given, search: Search, **answers: str):
    """Return the context of a check with this result of its search and these answers."""
    searched = Event(Kind.SEARCHED, now(), search=search)
    return given(
        channel=Channel(MAILBOX), kind="check", brief=BRIEF, events=(searched,), answers=answers
    )


async def go_on(ctx):
    """Carry the discovery on, as a worker does."""
    await discover(Engine(ctx, {}, no_listener, lambda: True))
    return ctx.run


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        (WHOLE, ()),
        (replace(WHOLE, certain=False), (APP,)),
        (replace(WHOLE, forwarding_address=""), (FORWARDING,)),
        (Search(), (APP, FORWARDING)),
        (Search(unread=True), ()),
    ],
)
def test_only_what_is_missing_is_asked(given, search, asked):
    """Only values that the search could read and did not find are asked for.

    A value that could not be read is not asked for, because somebody else's sign-in may show it.
    """
    assert open_questions(found(given, search).run) == asked


async def test_what_was_found_is_the_channel(given):
    """The run's channel and brief come from the search, and its tenant is that of the sign-in."""
    run = await go_on(found(given, WHOLE))
    assert run.channel == Channel(
        MAILBOX, CALLBACK, ADDRESS, profile=Profile.ARTICLE, tenant_id="tenant-1"
    )
    assert (run.brief, run.discovered) == (replace(BRIEF, client_id="client-1", upn=MAILBOX), True)


async def test_a_question_waits(given):
    """While a question is open, the discovery decides nothing and waits for a person's answer."""
    run = await go_on(found(given, Search()))
    assert (run.discovered, open_questions(run)) == (False, (APP, FORWARDING))


async def test_the_answers_complete_it(given, cloud):
    """A typed client ID is looked up, so the Call Back URL and the profile follow from the app."""
    app = {"id": "o", "appId": TYPED, "displayName": "X", "web": {"redirectUris": [CALLBACK]}}
    cloud.on(f"GET /applications(appId='{TYPED}')", app)
    answers = {APP: TYPED.upper(), FORWARDING: ADDRESS}
    run = await go_on(found(given, Search(upn=MAILBOX), **answers))
    known = (run.brief.client_id, run.channel.callback_url, run.channel.forwarding_address)
    assert known == (TYPED, CALLBACK, ADDRESS)


async def test_a_typed_app_that_is_nowhere(given):
    """A typed client ID is used in the check even if the directory does not have its app."""
    run = await go_on(found(given, Search(), **{APP: TYPED, FORWARDING: check.WITHOUT}))
    known = (run.brief.client_id, run.channel.callback_url, run.channel.forwarding_address)
    assert known == (TYPED, "", "")


async def test_without_an_answer_it_goes_on(given):
    """If a person goes on without an answer, the discovery ends and the value stays empty."""
    ctx = found(given, Search())
    ctx.store.append(ctx.run.id, *answers_to(ctx.run, {}, "anna@contoso.com"))
    ctx.run = ctx.store.load(ctx.run.id)
    run = await go_on(ctx)
    assert (run.discovered, run.brief.client_id) == (True, "")
    assert check.missing_values(run) == NEEDED


@pytest.mark.parametrize(("text", "right"), [(TYPED, True), (f"{{{TYPED}}}", False), ("12", False)])
def test_client_ids(text, right):
    """A client ID must have the format that Webex Connect's form shows."""
    assert check.is_client_id(text) is right


@pytest.fixture
def checked(given, store):
    """A check that has found a whole channel, with the end of its secret."""
    ctx = found(given, WHOLE)
    data = {"client_id": "client-1", "upn": MAILBOX}
    channel = Channel(MAILBOX, CALLBACK, ADDRESS, tenant_id="tenant-1")
    secret = Finding("client_secret", State.OK, facts={"expires": "2027-05-20T00:00:00+00:00"})
    store.append(
        ctx.run.id,
        Event(Kind.DISCOVERED, now(), channel=channel, data=data),
        Event(Kind.FOUND, now(), step="client_secret", finding=secret),
        Event(Kind.CHECKED, now()),
    )
    return store.load(ctx.run.id)


def test_a_kept_channel_is_one_of_its_space(checked, store):
    """A kept channel belongs to its space and has its record, its last check and its history.

    Its wrong settings can be fixed only then.
    It also has the facts for later runs. A check that nobody keeps is gone after a month.
    """
    assert 29 * 86400 < store.redis.ttl(f"run:{checked.id}:events") <= 30 * 86400
    off = noted(Finding("smtp_auth", State.WRONG, cause="smtp_auth_off_for_mailbox"))
    store.append(checked.id, off)
    assert read(store.load(checked.id), store).fix is None
    assert check.keep_found(store, checked, "anna@contoso.com")
    assert read(store.load(checked.id), store).fix[0] == "fix.smtp_auth"
    record = store.channels.record(MAILBOX)
    assert (record.run, record.channel.tenant_id) == (checked.id, "tenant-1")
    last = store.last_check(MAILBOX)
    assert (store.channels.of_space("room-1"), last and last.id) == ((MAILBOX,), checked.id)
    assert brief_for(store, MAILBOX) == Brief("client-1", MAILBOX, by_hand=True)
    assert store.redis.ttl(f"run:{checked.id}:events") == -1
    assert store.load(checked.id).kept


def test_it_is_kept_once(checked, store, asker):
    """A channel is kept once, so a second press changes nothing.

    Another check of the same mailbox cannot keep the channel again.
    """
    assert check.keep_found(store, checked, "anna@contoso.com")
    assert check.keep_found(store, store.load(checked.id), "anna@contoso.com")
    other = store.open(checked.channel, asker, Origin("room-2"), RunKind.CHECK, brief=BRIEF)
    store.append(
        other.id,
        Event(Kind.DISCOVERED, now(), channel=checked.channel, data={"client_id": "client-1"}),
        Event(Kind.CHECKED, now()),
    )
    assert not check.keep_found(store, store.load(other.id), "kim@contoso.com")
    assert store.channels.of_space("room-2") == ()


def test_a_channel_that_is_removed_meanwhile_is_not_kept(checked, store, asker):
    """A channel of another space is not offered to this one after its disconnection."""
    setup = store.open(checked.channel, asker, Origin("room-2"))
    store.end(setup, Event(Kind.FINISHED, now()))
    assert not check.may_be_kept(store, checked)
    undo = store.open(checked.channel, asker, Origin("room-2", message="m-9"), RunKind.UNDO)
    change = Change("smtp_auth", "M2", Text("a"), Text("b"), Text("c"), Scope.MAILBOX, "Set")
    past = RecordedChange("smtp_auth", change, Text("seen.off"), {}, {}, (setup.id,))
    back = noted(Finding("smtp_auth", State.OK))
    store.append(undo.id, Event(Kind.RECALLED, now(), past=(past,)), changing("smtp_auth"), back)
    store.end(store.load(undo.id), Event(Kind.FINISHED, now()))
    assert store.channels.record(MAILBOX) is None
    assert not check.may_be_kept(store, checked)


def test_the_channel_of_a_former_name_is_named(checked, store, asker):
    """A renamed mailbox is found again, and its channel under its former name is known."""
    assert read(checked, store).found.told == Text("verdict.keep_words")
    former = store.open(replace(checked.channel, mailbox="a@b.com"), asker, Origin("room-1"))
    store.end(former, Event(Kind.FINISHED, now()))
    assert read(checked, store).found.told == Text("verdict.keep_former", {"mailboxes": "a@b.com"})


@pytest.mark.parametrize("name", NEEDED)
def test_a_part_of_a_channel_is_not_kept(checked, store, name):
    """A channel with a missing value is not kept, because a fix would write an empty value."""
    without = replace(checked, known={}, findings={})
    if name != "client_id":
        without = replace(checked, channel=replace(checked.channel, **{name: ""}))
    assert check.missing_values(without) == (name,)
    assert not check.keep_found(store, without, "x")


def test_a_setup_ends_the_time_by_hand(checked, store, asker):
    """A channel that the bot sets up later no longer counts as made by hand."""
    check.keep_found(store, checked, "anna@contoso.com")
    run = store.open(checked.channel, asker, Origin("room-1", message="m-9"))
    store.end(run, Event(Kind.FINISHED, now()))
    assert brief_for(store, MAILBOX).by_hand is False


def test_the_audit_trail_says_who_kept_it(checked, store):
    """The audit trail says which channel was found and who kept it, but not what was searched."""
    check.keep_found(store, checked, "anna@contoso.com")
    entries = [entry.decode() for entry in store.audit.entries()]
    (kept,) = (each for each in entries if '"what":"finished"' in each)
    assert '"by":"anna@contoso.com"' in kept
    assert sum('"what":"discovered"' in each for each in entries) == 1
    assert not any('"what":"searched"' in each for each in entries)
