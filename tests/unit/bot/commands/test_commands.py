"""The commands: the words of each answer, and the facts that an answer leaves out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adaptive_cards.texts import has_text, text
from bot.actions import actions
from bot.cards.presenters import progress
from bot.commands import GROUPS, commands
from bot.webex.client import WebexError
from jobs.clock import now
from jobs.model import Channel, Finding, State
from jobs.runs.run import Event, Kind, Origin, Run
from tests.unit.bot.commands.typed_commands import MAILBOX, cards, pressed, type_


def test_every_command_has_its_text():
    """Every command has a help text and belongs to a group that help knows."""
    assert {
        name
        for name, command in commands().items()
        if command.group not in GROUPS or not has_text(f"command.{name}")
    } == set()
    assert {"setup-email", "check", "fix", "undo", "status", "cancel", "help"} <= set(commands())


def test_setup_begins_with_the_first_card(anna, webex_script):
    """``/setup-email`` opens a run and posts its first card.

    Nothing is done yet, so no worker is needed.
    """
    type_(anna, "setup-email", "Support@contoso.com")
    (run,) = anna.services.store.runs_in_space("room-1")
    assert run.channel == Channel(MAILBOX)
    assert run.detailed is False
    assert run.requester.email == "anna@example.test"
    assert len(anna.services.runs.queue.jobs) == 0
    assert run.id in cards(webex_script)


@pytest.mark.parametrize("name", ["setup-email", "adopt", "check", "fix", "undo", "tac", "audit"])
def test_a_wrong_address_is_corrected(anna, webex_script, name):
    """A malformed address starts no run; the card's buttons run the same command.

    The buttons use the suggested address or the one in the field.
    """
    type_(anna, name, "support@contoso,com")
    again = {"do": "typed", "command": name}
    assert (
        anna.services.store.runs_in_space("room-1"),
        [data for data in pressed(webex_script) if data["do"] != "help"],
    ) == ((), [again | {"mailbox_meant": MAILBOX}, again])


@pytest.mark.parametrize("field", ["mailbox", "mailbox_meant"])
@pytest.mark.parametrize("name", ["fix", "undo", "tac", "audit"])
def test_a_corrected_address_runs_its_own_command(anna, webex_script, name, field):
    """A corrected address runs its command as if typed: an unknown channel is reported.

    No setup is started.
    """
    actions()["typed"](anna, {"do": "typed", "command": name, field: f" {MAILBOX} "})
    assert anna.services.store.runs_in_space("room-1") == ()
    assert text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script)


@pytest.mark.parametrize("command", ["", "status", "no-such", "__init__"])
def test_a_forged_correction_runs_nothing(anna, said, command):
    """A forged correction runs nothing: only a command with an argument can be corrected."""
    actions()["typed"](anna, {"do": "typed", "command": command, "mailbox": MAILBOX})
    assert (len(said()), text("refused.old") in said()[0][1]) == (1, True)


def test_the_same_message_opens_one_run(anna):
    """A typed ``/setup-email`` opens one run, however often its event is delivered."""
    for _ in range(2):
        type_(anna, "setup-email", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1


def refused(ctx, webex_script, reply) -> Run:
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
    assert (run.id == first.id, anna.services.store.load(first.id).ended) == (
        (True, None) if room == "room-1" else (False, "cancelled")
    )


def test_of_somebody_elses_first_card_one_is_only_told(anna, webex_script, reply):
    """Another person's run is named but not ended, even if Webex refused its first card.

    The other person may be about to fill in the card.
    """
    run = refused(anna, webex_script, reply)
    type_(
        replace(anna, person=replace(anna.person, id="ben"), room="room-2", message="typed-2"),
        "setup-email",
        MAILBOX,
    )
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
    run = anna.services.store.open(
        Channel(MAILBOX), replace(anna.asker, id="ben", email="ben@example.test"), origin
    )
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
    assert [each in cards(webex_script) for each in (MAILBOX, text("status.more", count="2"))] == [
        True,
        True,
    ]
    type_(anna, "cancel")
    assert [
        run.channel.mailbox for run in anna.services.store.runs_in_space("room-1") if not run.ended
    ] == []


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
    """The card of a canceled run has a button that undoes the run only if it changed something.

    The answer to ``/cancel`` has none, because it would still be there after the undo.
    """
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    if changed:
        wrong = Finding("smtp_auth", State.WRONG)
        anna.services.store.append(
            run.id, Event(Kind.CHANGING, now(), step="smtp_auth", finding=wrong)
        )
    type_(anna, "cancel", MAILBOX)
    assert text("button.undo") not in cards(webex_script)
    (card,) = progress.end_cards(anna.services.store.load(run.id), anna.services)
    verb = {"do": "undo", "mailbox_meant": MAILBOX, "undoes": run.id}
    assert (str(verb) in str(card.card.content)) is changed


def test_a_cancelled_run_keeps_nothing_sealed(anna):
    """Canceling a run deletes the administrator's session and the secrets of its rehearsal.

    The secret that the mailbox user agreed to keep for checks stays.
    """
    run = anna.services.store.open(
        Channel(MAILBOX), anna.asker, replace(anna.origin, message="typed-0")
    )
    names = [
        f"{name}:{run.id}"
        for name in ("session", "secret", "rehearsal", "rehearsal-session", "rehearsal-secret")
    ]
    for name in (*names, f"check-secret:{MAILBOX}"):
        anna.services.vault.put(name, "value", 60)
    type_(anna, "cancel")
    assert [anna.services.vault.holds(name) for name in (*names, f"check-secret:{MAILBOX}")] == [
        *[False] * 5,
        True,
    ]


def test_cancel_asks_which(anna, webex_script):
    """With two open runs and no name, ``/cancel`` ends none and offers both.

    The id of a run says which one to end.
    """
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, message="typed-2"), "setup-email", "sales@contoso.com")
    type_(anna, "cancel")
    newer, older = anna.services.store.runs_in_space("room-1")
    assert (newer.ended, older.ended, pressed(webex_script)) == (
        None,
        None,
        [{"do": "cancel", "run": newer.id}, {"do": "cancel", "run": older.id}],
    )
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


def test_setup_without_an_address_asks_for_it(anna):
    """``/setup-email`` without an address opens a run, whose first card asks for the address."""
    type_(anna, "setup-email")
    (run,) = anna.services.store.runs_in_space("room-1")
    assert run.channel.mailbox == ""
