"""Commands /fix, /undo, /adopt and /check: the plan, unknown channels, and runs in doubt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adaptive_cards import locale
from adaptive_cards.texts import text
from bot.cards.notices import ending_of
from bot.cards.presenters import plan as plan_face, verdict
from bot.cards.presenters.card_state import THREAD, header
from bot.commands import actions, commands
from bot.commands.changes import RECENT
from bot.doctor import on_runs
from bot.events.handler import run_safely
from jobs.clock import now
from jobs.model import Account, Channel, Finding, RunKind, State, Text
from jobs.runs.run import AppCandidate, Brief, Event, Kind, Origin, RecordedChange, Search
from jobs.storage import keys
from tests.fixtures.run_events import found
from tests.unit.bot.actions.presses import other, press
from tests.unit.bot.cards.presenters.stage_events import LINE, living
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, pressed, proven, type_
from tests.unit.bot.doctor_line import line_of

POLICY_LINE = replace(LINE, step="outbound_policy", row="M4")
RULE, DOMAIN = (
    ("transport_rules", "transport_rule_blocks"),
    ("remote_domain", "remote_domain_blocks_forwarding"),
)
POLICY, TOKEN = ("outbound_policy", "forwarding_blocked"), ("sessions", "session_revoked")


def fixed(ctx, *causes: tuple[str, str], age: timedelta = timedelta(0), changes=()):
    """Return a fix with its plan, after a check with these causes, and the time of the check."""
    store, at = ctx.services.store, now() - age
    channel = Channel(MAILBOX, "https://a.b/callback", "x@y.z")
    setup = store.open(channel, ctx.asker, replace(ctx.origin, message="typed-0"))
    store.end(setup, Event(Kind.FINISHED, now()))
    if causes:
        check = store.open(channel, ctx.asker, Origin(), RunKind.CHECK)
        found = [
            Event(Kind.FOUND, at, step=step, finding=Finding(step, State.WRONG, cause=cause))
            for step, cause in causes
        ]
        store.append(check.id, *found, Event(Kind.CHECKED, at))
        store.channels.set_last_check(MAILBOX, check.id)
    commands()["fix"].run(ctx, MAILBOX)
    run_id = store.channels.running(MAILBOX)
    signed_in = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com"))
    store.append(run_id, signed_in, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=changes))
    return store.load(run_id), at


@pytest.mark.parametrize(
    ("cause", "code"),
    [(RULE, "transport_rule_blocks"), (DOMAIN, "remote_domain_blocks_forwarding")],
)
def test_a_fix_that_changes_nothing_says_what_the_check_has_found(anna, cause, code):
    """A fix that changes nothing shows the check's cause, its remedy and whose turn it is.

    The card does not say that every setting is right.
    """
    run, at = fixed(anna, cause)
    sentence = f"{text(f'cause.{code}')} {text(f'remedy.{code}')}"
    drawn = plan_face.plan(run, header(run))
    told = (
        "There is nothing that the bot may change. Administrator's turn: fix what "
        "/check has found, as marked below."
    )
    assert told in drawn.text
    assert f"{locale.day_clock(at)}: {sentence}" in str(drawn.content)
    assert "already right" not in drawn.text


@pytest.mark.parametrize(
    ("causes", "age"),
    [
        ([], timedelta(0)),
        ([RULE], RECENT + timedelta(minutes=1)),
        ([POLICY], timedelta(0)),
        ([TOKEN], timedelta(0)),
    ],
)
def test_without_a_recent_one_it_points_to_the_command(anna, causes, age):
    """Without a recent check, or if the bot can fix its causes, the fix points to ``/check``.

    The bot has just read those settings itself. The run asks for a new token if one is needed.
    """
    run, _ = fixed(anna, *causes, age=age)
    drawn = plan_face.plan(run, header(run))
    assert "If mail still does not flow, run /check." in drawn.text
    assert text("plan.named") not in str(drawn.content)


def test_beside_what_it_mends_it_says_what_it_does_not(anna):
    """If mail still stops after the fix, the plan names the other cause before anybody approves."""
    run, _ = fixed(anna, DOMAIN, POLICY, changes=(POLICY_LINE,))
    drawn = plan_face.plan(run, header(run))
    assert "1 change to approve" in drawn.text
    assert "A remote domain forbids" in str(drawn.content)
    anna.services.store.end(run, Event(Kind.CANCELLED, now()))
    assert plan_face.cards(anna.services.store.load(run.id), anna.services) == []


def changed(ctx, end: Kind = Kind.CANCELLED, kind: RunKind = RunKind.SETUP, line=LINE):
    """Return a run that has made a change and then ended as given."""
    store, origin = ctx.services.store, replace(ctx.origin, message="typed-0")
    run = store.open(Channel(MAILBOX, "https://a.b/callback", "x@y.z"), ctx.asker, origin, kind)
    wrong = Finding(line.step, State.WRONG, values={"disabled": "true"})
    store.append(
        run.id,
        Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com")),
        found("ids", facts={"object_id": "obj-1"}),
        Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(line,)),
        Event(Kind.CHANGING, now(), step=line.step, finding=wrong, changes=(line,)),
        Event(Kind.CHANGED, now(), step=line.step),
        Event(Kind.SIGNED_OUT, now()),
    )
    store.end(store.load(run.id), Event(end, now()))
    return store.load(run.id)


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED])
def test_an_undo_remembers_what_was_before(anna, end):
    """An undo knows the earlier values and the tenant of the setup, finished or not.

    The open undo holds the mailbox.
    """
    setup = changed(anna, end)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.kind == "undo"
    assert run.detailed is True
    assert run.channel.tenant_id == "tenant-1"
    assert run.known == {"object_id": "obj-1"}
    assert run.past == {
        "smtp_auth": RecordedChange(
            "smtp_auth", LINE, Text("seen.off"), {"disabled": "true"}, {}, (setup.id,)
        )
    }
    jobs = sorted((str(job.func_name), job.args[0]) for job in anna.services.runs.queue.jobs)
    assert ("jobs.advance.advance", run.id) in jobs


def test_the_same_undo_typed_once_is_one_run(anna, webex_script):
    """An ``/undo`` that is delivered again after a crash continues its own run.

    A second ``/undo`` opens no other run, and its answer points to the first.
    """
    changed(anna)
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind.UNDO)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(opened.id)
    assert (run.detailed, list(run.past)) == (True, ["smtp_auth"])
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2
    assert text("notice.running_title_undo", mailbox=MAILBOX, run=run.id) in cards(webex_script)


def test_nothing_recorded_is_said(anna, webex_script):
    """For a channel that was connected manually, ``/undo`` starts no run and says so."""
    proven(anna)
    type_(anna, "undo", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1
    assert text("notice.undo_nothing_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.fixture
def fix(anna):
    """Return a fix that changed SMTP AUTH, after a setup that changed the forwarding."""
    changed(anna, Kind.FINISHED, line=replace(LINE, step="forwarding", row="M3"))
    return changed(anna, kind=RunKind.FIX)


def test_while_a_run_is_in_progress_undo_names_it(anna, webex_script, fix):
    """An ``/undo`` asks nothing whose every answer would be refused."""
    open_run = anna.services.store.open(fix.channel, anna.asker, anna.origin, RunKind.FIX)
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert text("notice.running_title_fix", mailbox=MAILBOX, run=open_run.id) in cards(webex_script)
    assert {each["do"] for each in pressed(webex_script)} == {"go_on", "begin_again"}


def test_after_a_fix_undo_asks_which(anna, webex_script, fix):
    """After a fix, ``/undo`` offers to undo the fix or to disconnect, and says what each does."""
    type_(anna, "undo", MAILBOX)
    assert not anna.services.store.channels.running(MAILBOX)
    told, meant = cards(webex_script), {"do": "undo", "mailbox_meant": MAILBOX}
    assert pressed(webex_script) == [meant | {"undoes": fix.id}, meant | {"undoes": ""}]
    assert f"After this no mail of {MAILBOX} reaches an agent" in told.replace("after", "After")
    assert "Disconnect" in told


@pytest.mark.parametrize("whole", [True, False])
def test_each_button_undoes_what_it_says(anna, fix, whole):
    """One button plans to undo only the fix, and the other to undo what every run changed."""
    named = "" if whole else fix.id
    press(anna, "undo", mailbox_meant=MAILBOX, undoes=named)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert run.undoes == named
    assert set(run.past) == ({"smtp_auth", "forwarding"} if whole else {"smtp_auth"})


def test_a_fix_of_a_channel_made_by_hand_is_undone_alone(anna):
    """If only a fix has changed anything, ``/undo`` does not offer to disconnect the channel."""
    fix = changed(anna, kind=RunKind.FIX)
    type_(anna, "undo", MAILBOX)
    assert anna.services.store.load(anna.services.store.channels.running(MAILBOX)).undoes == fix.id


@pytest.mark.parametrize("forged", [{"undoes": "NOBODY"}, {"mailbox_meant": "boss@contoso.com"}])
def test_a_forged_button_undoes_nothing(anna, webex_script, fix, forged):
    """A button with another mailbox or run than the bot's own card has plans nothing.

    Neither does one in a space that does not know the channel.
    """
    right = {"do": "undo", "mailbox_meant": MAILBOX, "undoes": fix.id}
    actions()["undo"](anna, right | forged)
    press(other(anna, "ben", room="room-2"), **right)
    assert not anna.services.store.channels.running(MAILBOX)
    assert "There is nothing to undo" in cards(webex_script)


ADDRESS = "ab12@mail-us.imiconnect.io"


CHANNEL = Channel(MAILBOX, "https://contoso.us.webexconnect.io/callback", ADDRESS, tenant_id="t")


APPS = (AppCandidate("client-1", "Mail", CHANNEL.callback_url), AppCandidate("client-2", "Other"))


def asking(ctx, search: Search):
    """Return a check that asks for the values that this search did not find."""
    type_(ctx, "check", MAILBOX)
    (run,) = begun(ctx)
    ctx.services.store.append(run.id, Event(Kind.SEARCHED, now(), search=search))
    return ctx.services.store.load(run.id)


def whole(ctx):
    """Return a check that has found a whole channel."""
    type_(ctx, "check", MAILBOX)
    (run,) = begun(ctx)
    found = Event(Kind.DISCOVERED, now(), channel=CHANNEL, data={"client_id": "client-1"})
    ctx.services.store.append(run.id, found, Event(Kind.CHECKED, now()))
    return ctx.services.store.load(run.id)


@pytest.mark.parametrize(("command", "keep"), [("check", False), ("adopt", True)])
def test_an_unknown_channel_is_looked_for(anna, command, keep):
    """For an unknown channel, ``/check`` and ``/adopt`` open a check with only the address."""
    type_(anna, command, MAILBOX)
    (run,) = begun(anna)
    assert (run.kind, run.channel) == ("check", Channel(MAILBOX))
    assert run.brief == Brief(by_hand=True, discover=True, keep=keep)


def test_a_channel_of_another_space_is_looked_for_like_an_unknown_one(anna):
    """A check of another space's channel uses nothing that the other space knows."""
    proven(replace(anna, room="room-2"))
    type_(anna, "check", MAILBOX)
    (run,) = begun(anna)
    assert (run.channel, run.brief.client_id) == (Channel(MAILBOX), "")


@pytest.mark.parametrize("command", ["adopt", "setup-email"])
def test_a_channel_of_another_space_is_named_to_its_members(anna, webex_script, reply, command):
    """``/adopt`` and ``/setup-email`` of another space's channel name that space to its members.

    The channel is not taken, and no run begins.
    """
    proven(replace(anna, room="room-2"))
    webex_script.on("GET", "/rooms/room-2", reply(body={"id": "room-2", "title": "Mail team"}))
    webex_script.on("GET", "/memberships", reply(body={"items": [{"personId": anna.person.id}]}))
    type_(anna, command, MAILBOX)
    told = cards(webex_script)
    assert text("notice.elsewhere_title", mailbox=MAILBOX) in told
    assert text("notice.elsewhere_words_space", space="Mail team") in told
    assert len(anna.services.runs.queue.jobs) == 0


@pytest.mark.parametrize("command", ["adopt", "setup-email"])
def test_a_channel_of_another_space_is_answered_like_an_unknown_one(
    anna, webex_script, reply, command
):
    """A person who is not in the other space gets the same answer if the mailbox is connected.

    The answer has no data of the channel, its run or its space.
    """
    answers, channels = [], []
    webex_script.on("GET", "/memberships", reply(body={"items": []}))
    for connected in (False, True):
        anna.services.redis.flushdb()
        webex_script.asked.clear()
        known = {proven(replace(anna, room="room-2")).id} if connected else set()
        type_(anna, command, MAILBOX)
        every = {key.decode().split(":")[1] for key in anna.services.redis.keys("run:*:events")}
        run = anna.services.store.load((every - known).pop())
        answers.append(cards(webex_script).replace(run.id, "RUN"))
        channels.append(run.channel)
    assert answers[0] == answers[1]
    assert channels == [Channel(MAILBOX)] * 2


def test_keep_records_and_draws(anna):
    """After Keep, the channel is one of this space, and the card offers the other commands."""
    run = press(anna, "keep", run=whole(anna).id)
    assert (run.kept, anna.services.channels.of_space("room-1")) == (True, (MAILBOX,))
    view = verdict.view(run, anna.services)
    assert (view.is_ours, view.found and view.found.may_keep, view.sign_in_url) == (True, False, "")


def test_a_kept_channel_is_reminded_of_the_end_of_its_secret(anna):
    """The check that found the channel knows the end of its secret, so the reminders know it."""
    run, end = whole(anna), now() + timedelta(days=200)
    anna.services.store.append(run.id, found("client_secret", facts={"expires": end.isoformat()}))
    press(anna, "keep", run=run.id)
    ending = ending_of(anna.services.store, MAILBOX)
    assert (ending.end, ending.made) == (end, run.opened)
    assert [record.run for record in anna.services.channels.connected()] == [run.id]


def test_keep_of_what_another_space_has_is_named(anna, webex_script):
    """Keep is refused if another space has taken the channel between the check and the press."""
    run = whole(anna)
    proven(replace(anna, room="room-2"))
    assert not press(anna, "keep", run=run.id).kept
    assert text("notice.elsewhere_title", mailbox=MAILBOX) in cards(webex_script)


def test_keep_before_the_end_is_refused(anna, webex_script):
    """Keep is refused while the check has not found its channel yet."""
    run = press(anna, "keep", run=asking(anna, Search()).id)
    assert (run.kept, text("refused.old") in cards(webex_script)) == (False, True)


@pytest.mark.parametrize(
    ("search", "inputs", "answers"),
    [
        (Search(APPS, forwarding_address=ADDRESS), {"client_id": "client-2"}, {"client-2"}),
        (Search(APPS[:1], certain=True), {"forwarding_address": ADDRESS.upper()}, {ADDRESS}),
    ],
)
def test_an_answer_carries_the_check_on(anna, search, inputs, answers):
    """The value that was chosen or typed is recorded, and the check's card asks no more."""
    asked = asking(anna, search)
    assert [card.slot for card in verdict.cards(asked, anna.services)] == ["verdict"]
    run = press(anna, "discovered", run=asked.id, **inputs)
    assert {reply.value for reply in run.answers.values()} == answers


@pytest.mark.parametrize(
    ("search", "inputs", "why"),
    [
        (Search(APPS, forwarding_address=ADDRESS), {"client_id": "client-9"}, "typed.client_id"),
        (Search(forwarding_address=ADDRESS), {"client_id": "12"}, "typed.client_id"),
        (
            Search(APPS[:1], certain=True),
            {"forwarding_address": MAILBOX},
            "typed.forwarding_is_mailbox",
        ),
        (Search(APPS[:1], certain=True), {"forwarding_address": "x"}, "typed.no_at"),
    ],
)
def test_a_wrong_answer_is_refused(anna, webex_script, search, inputs, why):
    """A wrong answer is not recorded, the check's card stays, and the person reads the reason."""
    run = asking(anna, search)
    run_safely(anna, actions()["discovered"], {"run": run.id, **inputs})
    assert anna.services.store.load(run.id).answers == {}
    assert text(why) in cards(webex_script)


def test_going_on_without_answers_both(anna, webex_script):
    """A press to go on without the values answers both questions. A second press finds none."""
    run = press(anna, "discovered_without", run=asking(anna, Search()).id)
    assert {reply.value for reply in run.answers.values()} == {"without"}
    press(anna, "discovered_without", run=run.id)
    assert text("refused.twice") in cards(webex_script)


def test_undo_of_a_kept_channel_is_honest(anna, webex_script):
    """``/undo`` of a kept channel says that no earlier values are known, and changes nothing."""
    press(anna, "keep", run=whole(anna).id)
    before = anna.services.store.channels.count_in_space(anna.room)
    type_(anna, "undo", MAILBOX)
    assert text("notice.undo_kept_words") in cards(webex_script)
    assert anna.services.store.channels.count_in_space(anna.room) == before


GAP = text("turn_words.history_gap", event="2")


UNREADABLE = text("turn_words.unreadable_run", event="1")


@pytest.fixture
def run(anna):
    """Return an open run of the space that says the end of a change without its beginning."""
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    anna.services.store.append(opened.id, Event(Kind.CHANGED, now(), step="forwarding"))
    return opened


@pytest.mark.parametrize("command", ["status", "channels", "cancel", "cancel sales@contoso.com"])
def test_a_gap_is_named(anna, run, webex_script, command):
    """The answers name the run and its mailbox, and say what to do."""
    type_(anna, *command.split(" ", 1))
    assert f"{run.id} {MAILBOX}" in cards(webex_script)
    assert GAP in cards(webex_script)


def test_the_runs_own_card_says_it(anna, run):
    """The card of the run says that its history has a gap."""
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=run.channel))
    drawn = living(anna.services, anna.services.store.load(run.id))
    assert GAP in str([card.card.content for card in drawn if card.to == THREAD])


@pytest.mark.parametrize("command", ["status", "channels", "cancel"])
def test_an_unreadable_run_is_named(anna, run, webex_script, command):
    """A run that cannot be read is named, and the others are listed as always."""
    anna.services.redis.set(keys.run_events(run.id), "x")
    other = anna.services.store.open(Channel("sales@contoso.com"), anna.asker, anna.origin)
    type_(anna, command)
    said = cards(webex_script)
    assert (f"{run.id} {MAILBOX}" in said, UNREADABLE in said) == (True, True)
    assert (other.id in said) is (command != "channels")


def test_a_new_setup_begins(anna, run, webex_script):
    """A new setup of the mailbox of an unreadable run begins."""
    anna.services.redis.set(keys.run_events(run.id), "x")
    type_(anna, "setup-email", MAILBOX)
    assert anna.services.channels.running(MAILBOX) not in {"", run.id}


def test_the_doctor_names_both(anna, run):
    """The doctor names the entry after the gap with the run and mailbox, and an unreadable run."""
    other = anna.services.store.open(Channel("sales@contoso.com"), anna.asker, anna.origin)
    anna.services.redis.set(keys.run_events(other.id), "x")
    wrong = line_of(on_runs, anna.services.store, ())
    assert f"run:{run.id}:events, entry 2 of {MAILBOX}" in wrong
    assert f"run:{other.id}:events, entry 1" in wrong
