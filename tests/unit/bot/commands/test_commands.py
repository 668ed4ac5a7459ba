"""The commands: the words of each answer, the facts that it leaves out, and their help."""

from dataclasses import replace

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.cards.presenters import progress
from bot.commands import commands
from bot.webex.errors import WebexError
from jobs.clock import now
from jobs.model import Channel, RunKind
from jobs.runs.run import Event, Kind, Origin
from tests.fixtures.run_events import changing
from tests.unit.bot.actions.presses import of_bot, other, press, queued
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, pressed, proven, type_


def test_setup_begins_with_the_first_card(anna, webex_script):
    """``/setup-email`` opens a run and posts its first card.

    Nothing is done yet, so no worker is needed.
    """
    type_(anna, "setup-email", "Support@contoso.com")
    (run,) = anna.services.store.runs_in_space("room-1")
    assert (run.channel, run.detailed) == (Channel(MAILBOX), False)
    assert run.requester.email == "anna@example.test"
    assert len(anna.services.runs.queue.jobs) == 0
    assert run.id in cards(webex_script)


@pytest.mark.parametrize(
    "name",
    sorted({each.name for each in commands().values() if "ADDRESS" in each.argument} - {"cancel"}),
)
def test_a_wrong_address_is_corrected(anna, webex_script, name):
    """A malformed address starts no run; the card's buttons run the same command.

    The buttons use the suggested address or the one in the field.
    """
    type_(anna, name, "support@contoso,com")
    again = {"do": "typed", "command": name}
    assert anna.services.store.runs_in_space("room-1") == ()
    offered = [data for data in pressed(webex_script) if data["do"] != "help"]
    assert offered == [again | {"mailbox_meant": MAILBOX}, again]


@pytest.mark.parametrize("field", ["mailbox", "mailbox_meant"])
@pytest.mark.parametrize("name", ["fix", "undo", "tac", "audit"])
def test_a_corrected_address_runs_its_own_command(anna, webex_script, name, field):
    """A corrected address runs its command as if typed: an unknown channel is reported.

    No setup is started.
    """
    press(anna, "typed", command=name, **{field: f" {MAILBOX} "})
    assert anna.services.store.runs_in_space("room-1") == ()
    assert text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.mark.parametrize("command", ["", "status", "no-such", "__init__"])
def test_a_forged_correction_runs_nothing(anna, said, command):
    """A forged correction runs nothing: only a command with an argument can be corrected."""
    press(anna, "typed", command=command, mailbox=MAILBOX)
    assert (len(said()), text("refused.old") in said()[0][1]) == (1, True)


def test_the_same_message_opens_one_run(anna, webex_script):
    """A typed ``/setup-email`` opens one run, however often its event is delivered.

    Once the run has its details, no first card asks for them again.
    """
    for _ in range(2):
        type_(anna, "setup-email", MAILBOX)
    (run,) = anna.services.store.runs_in_space("room-1")
    anna.services.store.append(run.id, Event(Kind.DETAILS, now(), channel=run.channel))
    webex_script.asked.clear()
    type_(anna, "setup-email", MAILBOX)
    assert {"do": "go_on", "run": run.id} in pressed(webex_script)


def refused(ctx, webex_script, reply):
    """Return the run of a setup whose first card Webex has refused."""
    answers = reply(403, {"message": "only moderators"}), reply(body={"id": "posted-1"})
    webex_script.on("POST", "/messages", *answers)
    with pytest.raises(WebexError):
        type_(ctx, "setup-email", MAILBOX)
    (run,) = ctx.services.store.runs_in_space("room-1")
    return run


@pytest.mark.parametrize("room", ["room-1", "room-2"])
def test_a_first_card_that_never_stood_there_holds_no_mailbox(anna, webex_script, reply, room):
    """A first card that Webex never accepted does not block its mailbox.

    A new request in the same space continues the run. In another space it starts a new run in place
    of that one.
    """
    first = refused(anna, webex_script, reply)
    type_(replace(anna, room=room, message="typed-2"), "setup-email", MAILBOX)
    (run,) = (run for run in anna.services.store.runs_in_space(room) if not run.ended)
    assert {each["run"] for each in pressed(webex_script) if each["do"] == "intake"} == {run.id}
    kept = (True, None) if room == "room-1" else (False, "cancelled")
    assert (run.id == first.id, anna.services.store.load(first.id).ended) == kept


def test_of_somebody_elses_first_card_one_is_only_told(anna, webex_script, reply):
    """Another person's run is named but not ended, even if Webex refused its first card.

    The other person may be about to fill in the card.
    """
    run = refused(anna, webex_script, reply)
    type_(other(anna, "ben", room="room-2", message="typed-2"), "setup-email", MAILBOX)
    assert anna.services.store.load(run.id).ended is None
    assert text("notice.busy_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.mark.parametrize(
    ("memberships", "named"),
    [
        ((200, {"items": [{"personId": "anna"}]}), True),
        ((200, {"items": []}), False),
        ((404, {"message": "no such space"}), False),
    ],
)
def test_a_run_of_another_space_is_found_by_its_name(anna, webex_script, reply, memberships, named):
    """A run in another space, and that space, are named only to members of that space.

    Other people learn only that they cannot go on now, and so does everybody if the bot has left
    that space.
    """
    origin = Origin("room-2", "thread-2", message="typed-0")
    run = anna.services.store.open(Channel(MAILBOX), other(anna, "ben").asker, origin)
    webex_script.on("GET", "/rooms/room-2", reply(body={"id": "room-2", "title": "Mail <team>"}))
    webex_script.on("GET", "/memberships", reply(*memberships))
    type_(anna, "setup-email", MAILBOX)
    told = cards(webex_script)
    assert (run.id in told) == named
    assert ("in the space Mail <team>, in the thread" in told) == named
    assert (text("notice.busy_words") in told) is not named


def test_status_lists_this_spaces_runs(anna, webex_script):
    """``/status`` lists the runs of this space, and no run of another space."""
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, room="room-2", message="typed-2"), "setup-email", "sales@contoso.com")
    webex_script.asked.clear()
    type_(anna, "status")
    assert MAILBOX in cards(webex_script)
    assert "sales@contoso.com" not in cards(webex_script)


def test_status_and_cancel_see_an_old_open_run(anna, webex_script):
    """``/status`` and ``/cancel`` find an open run behind a dozen ended ones.

    One of the ended runs was deleted by the operator. Runs that are not listed are counted.
    """
    type_(anna, "setup-email", MAILBOX)
    ended = [
        anna.services.store.open(Channel(f"m{each}@contoso.com"), anna.asker, anna.origin)
        for each in range(12)
    ]
    for run in ended:
        anna.services.store.end(run, Event(Kind.CANCELLED, now()))
    anna.services.redis.delete(f"run:{ended[5].id}:events")
    webex_script.asked.clear()
    type_(anna, "status")
    shown, more = cards(webex_script), text("status.more", count="2")
    assert (MAILBOX in shown, more in shown) == (True, True)
    type_(anna, "cancel")
    assert all(run.ended for run in anna.services.store.runs_in_space("room-1"))


@pytest.mark.parametrize(
    ("argument", "ends"),
    [("", True), (MAILBOX, True), ("Support@Contoso.com", True), ("sales@contoso.com", False)],
)
def test_cancel(anna, argument, ends):
    """``/cancel`` ends the one open run of this space, or the run whose mailbox is named."""
    type_(anna, "setup-email", MAILBOX)
    type_(anna, "cancel", argument)
    assert bool(anna.services.store.runs_in_space("room-1")[0].ended) is ends


@pytest.mark.parametrize("changed", [True, False])
def test_a_cancelled_run_offers_undo_where_something_was_changed(anna, webex_script, changed):
    """The card of a canceled run undoes it, or checks what stays, only if it changed something.

    The answer to ``/cancel`` has none, because it would still be there after the undo.
    """
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    if changed:
        anna.services.store.append(run.id, changing("smtp_auth"))
    type_(anna, "cancel", MAILBOX)
    assert text("button.undo") not in cards(webex_script)
    (card,) = progress.end_cards(anna.services.store.load(run.id), anna.services)
    undo = {"do": "undo", "mailbox_meant": MAILBOX, "undoes": run.id}
    for button in (undo, {"do": "check", "channel": MAILBOX}):
        assert (str(button) in str(card.card.content)) is changed


def test_a_cancelled_run_keeps_nothing_sealed(anna):
    """Canceling a run deletes the administrator's session and the secrets of its rehearsal.

    The secret that the mailbox user agreed to keep for checks stays.
    """
    origin = replace(anna.origin, message="typed-0")
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, origin)
    of_run = ("session", "secret", "rehearsal", "rehearsal-session", "rehearsal-secret")
    names = [*(f"{name}:{run.id}" for name in of_run), f"check-secret:{MAILBOX}"]
    for name in names:
        anna.services.vault.put(name, "value", 60)
    type_(anna, "cancel")
    assert [name for name in names if anna.services.vault.holds(name)] == names[-1:]


def test_cancel_asks_which(anna, webex_script):
    """With two open runs and no name, ``/cancel`` ends none and offers both.

    The id of a run says which one to end.
    """
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, message="typed-2"), "setup-email", "sales@contoso.com")
    type_(anna, "cancel")
    newer, older = anna.services.store.runs_in_space("room-1")
    assert (newer.ended, older.ended) == (None, None)
    assert pressed(webex_script) == [{"do": "cancel", "run": run.id} for run in (newer, older)]
    assert f"{newer.id} sales@contoso.com" in cards(webex_script)
    type_(anna, "cancel", newer.id.lower())
    assert [run.ended for run in anna.services.store.runs_in_space("room-1")] == [None, "cancelled"]


def test_cancel_in_another_space_finds_nothing(anna, webex_script):
    """``/cancel`` in another space finds nothing and says nothing about the run."""
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, room="room-2"), "cancel", MAILBOX)
    assert anna.services.store.runs_in_space("room-1")[0].ended is None
    assert text("notice.cancel_nothing_title") in cards(webex_script)


@pytest.mark.parametrize("argument", ["\r\n\x1b[31mred", "{mailbox}", "x" * 2000])
@pytest.mark.parametrize(
    "name", ["setup-email", "check", "fix", "undo", "cancel", "status", "help"]
)
def test_odd_arguments_are_answered(anna, said, name, argument):
    """Every command answers any text with one message, and opens no run."""
    type_(anna, name, argument)
    assert [method for method, _ in said()] == ["POST"]
    assert anna.services.store.runs_in_space("room-1") == ()


@pytest.mark.parametrize("name", ["fix", "undo"])
def test_a_channel_of_another_space_is_unknown_here(anna, webex_script, name):
    """A channel of another space is answered like an unknown one, whether it exists or not."""
    proven(replace(anna, room="room-2"))
    type_(anna, name, MAILBOX)
    assert len(anna.services.runs.queue.jobs) == 0
    assert text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script)


def test_a_check_begins(anna):
    """A check starts with the recorded facts of the channel.

    A worker looks, and the card is drawn.
    """
    proven(anna)
    type_(anna, "check", MAILBOX)
    (run,) = begun(anna)
    assert queued(anna) == {f"bot.cards.draw.draw {run.id}", f"jobs.advance.advance {run.id}"}
    assert (run.kind, run.channel.callback_url) == ("check", "https://a.b/callback")
    assert run.detailed is True


def test_a_fix_is_a_run_of_its_own(anna):
    """A fix is a run that holds the mailbox, so a second fix points to it."""
    proven(anna)
    type_(anna, "fix", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.kind, run.detailed, run.channel.forwarding_address) == ("fix", True, "x@y.z")
    type_(anna, "fix", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2


@pytest.mark.parametrize(
    ("do", "room", "known", "shown"),
    [
        ("setup_again", "room-1", True, False),
        ("setup_change", "room-1", False, True),
        *((do, "room-2", False, False) for do in ("setup_again", "setup_change")),
    ],
)
def test_a_connected_channel_is_set_up_again(anna, webex_script, do, room, known, shown):
    """In its own space, another look at a connected channel uses the known addresses.

    A change starts with the first card, with these values. In a space that does not know the
    channel, both start with an empty first card.
    """
    proven(anna)
    press(replace(anna, room=room), do, mailbox_meant=MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    told = run.kind, run.detailed, run.channel.callback_url, "x@y.z" in cards(webex_script)
    assert told == ("setup", known, "https://a.b/callback" if known else "", shown)


def test_a_connected_mailbox_is_said_to_be(anna, webex_script):
    """For a connected mailbox, ``/setup-email`` starts no run and offers another look at it."""
    run = proven(anna)
    type_(anna, "setup-email", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1
    assert text("notice.done_title", mailbox=MAILBOX) in cards(webex_script)
    assert run.id in cards(webex_script)
    fix = anna.services.store.open(run.channel, anna.asker, anna.origin, RunKind.FIX)
    type_(replace(anna, message="typed-2"), "setup-email", MAILBOX)
    assert text("notice.running_title_fix", mailbox=MAILBOX, run=fix.id) in cards(webex_script)


HELP = {"do": "help"}


@pytest.mark.parametrize("typed", ["check", "/check", "CHECK", "prüfen", "chekc", "check please"])
def test_one_command_is_explained(anna, webex_script, typed):
    """Help explains a command by its name in any language, with or without a slash.

    A name that is nearly right counts, too.
    """
    type_(anna, "help", typed)
    run = {"do": "run_command", "command": "check", "argument": ""}
    assert (pressed(webex_script), begun(anna)) == ([run, HELP], [])
    shown = cards(webex_script)
    assert [
        each in shown
        for each in ("@Email Bot /check ADDRESS", "/prüfen, /pruefen", text("help.about.check"))
    ] == [True] * 3
    assert text("help.title") not in shown


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_its_help(anna, webex_script, name):
    """Every command has its own help, and a 1:1 message shows no mention of the bot.

    A cancel is not offered as a button, because it would end a run.
    """
    type_(replace(anna, direct=True), "help", name)
    shown = cards(webex_script)
    assert (text(f"help.about.{name}") in shown, "@Email Bot" in shown) == (True, False)
    runs = [each["command"] for each in pressed(webex_script) if each != HELP]
    assert runs == ([] if name in {"cancel", "help"} else [name])


def test_help_for_a_command_in_german(anna, webex_script):
    """In German, the help for a command shows its German name first."""
    with drawn_for(Locale("de")):
        type_(anna, "help", "check")
    shown = cards(webex_script)
    assert ("@Email Bot /prüfen ADRESSE" in shown, "/check, /pruefen" in shown) == (True, True)


def test_a_command_for_approvers_only_is_not_explained(anna, webex_script):
    """For a command that only approvers may run, others are told whom to ask, and get no button."""
    type_(of_bot(anna, approvers=("boss@example.test",)), "help", "audit")
    shown = cards(webex_script)
    assert text("help.only_approvers", command="/audit") in shown
    assert (text("help.about.audit") in shown, pressed(webex_script)) == (False, [])
