"""The commands: what each says, and what it does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from adaptive_cards.texts import has_text, text
from bot.actions import actions
from bot.chat.context import ChatContext
from bot.commands import GROUPS, commands
from bot.webex.client import WebexError
from jobs.clock import now
from jobs.model import Account, Change, Channel, Finding, RunKind, Scope, State, Text
from jobs.runs.origin import Origin
from jobs.runs.run import Event, Kind, RecordedChange, Run

MAILBOX = "support@contoso.com"
Said = Callable[[], list[tuple[str, str]]]


def type_(ctx: ChatContext, name: str, argument: str = "") -> None:
    """A command."""
    commands()[name].run(ctx, argument)


def cards(webex_script: Any) -> str:
    """Everything that the bot has posted."""
    return str(
        [
            body
            for method, path, body in webex_script.asked
            if method == "POST" and path == "/messages"
        ]
    )


def pressed(webex_script: Any) -> list[dict[str, str]]:
    """Return the data that the buttons of the bot's last card send."""
    card = next(
        body
        for method, path, body in reversed(webex_script.asked)
        if method == "POST" and path == "/messages"
    )
    return list(_data(card["attachments"]))


def _data(node: Any) -> Iterator[dict[str, str]]:
    if isinstance(node, dict) and "data" in node:
        yield node["data"]
    for inner in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _data(inner)


def test_every_command_has_its_text():
    """In a group that help knows."""
    assert {
        name
        for name, command in commands().items()
        if command.group not in GROUPS or not has_text(f"command.{name}")
    } == set()
    assert {"setup-email", "check", "fix", "undo", "status", "cancel", "help"} <= set(commands())


def test_setup_begins_with_the_first_card(anna: ChatContext, webex_script: Any):
    """A run is open, with nothing done yet; no worker is needed."""
    type_(anna, "setup-email", "Support@contoso.com")
    (run,) = anna.services.store.runs_in_space("room-1")
    assert (run.channel, run.detailed, run.requester.email, len(anna.services.runs.queue.jobs)) == (
        Channel(MAILBOX),
        False,
        "anna@example.test",
        0,
    )
    assert run.id in cards(webex_script)


def test_setup_without_an_address_asks_for_it(anna: ChatContext):
    """On the first card."""
    type_(anna, "setup-email")
    (run,) = anna.services.store.runs_in_space("room-1")
    assert run.channel.mailbox == ""


@pytest.mark.parametrize("name", ["setup-email", "check", "fix", "undo", "tac", "audit"])
def test_a_wrong_address_is_corrected(anna: ChatContext, webex_script: Any, name: str):
    """A malformed address starts no run; the card's buttons run the same command.

    They use the suggested address or the one in the field.
    """
    type_(anna, name, "support@contoso,com")
    again = {"do": "typed", "command": name}
    assert (
        anna.services.store.runs_in_space("room-1"),
        [data for data in pressed(webex_script) if data["do"] != "help"],
    ) == (
        (),
        [again | {"mailbox_meant": MAILBOX}, again],
    )


@pytest.mark.parametrize("field", ["mailbox", "mailbox_meant"])
@pytest.mark.parametrize("name", ["check", "fix", "undo", "tac", "audit"])
def test_a_corrected_address_runs_its_own_command(
    anna: ChatContext, webex_script: Any, name: str, field: str
):
    """A corrected address runs its command as if typed: an unknown channel is reported.

    No setup is started.
    """
    actions()["typed"](anna, {"do": "typed", "command": name, field: f" {MAILBOX} "})
    assert (
        anna.services.store.runs_in_space("room-1"),
        text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script),
    ) == (
        (),
        True,
    )


def test_a_corrected_setup_begins(anna: ChatContext):
    """With the first card."""
    actions()["typed"](
        anna, {"do": "typed", "command": "setup-email", "mailbox": "Support@Contoso.com"}
    )
    assert [run.channel for run in anna.services.store.runs_in_space("room-1")] == [
        Channel(MAILBOX)
    ]


@pytest.mark.parametrize("command", ["", "help", "status", "no-such", "__init__"])
def test_a_forged_correction_runs_nothing(anna: ChatContext, said: Said, command: str):
    """Only what takes an address can be corrected."""
    actions()["typed"](anna, {"do": "typed", "command": command, "mailbox": MAILBOX})
    assert (len(said()), text("refused.old") in said()[0][1]) == (1, True)


def test_the_same_message_opens_one_run(anna: ChatContext):
    """However often the event is delivered."""
    for _ in range(2):
        type_(anna, "setup-email", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 1


def test_a_second_setup_points_to_the_first(anna: ChatContext, webex_script: Any):
    """It says which run it is, and opens none."""
    type_(anna, "setup-email", MAILBOX)
    (run,) = anna.services.store.runs_in_space("room-1")
    type_(replace(anna, message="typed-2"), "setup-email", MAILBOX)
    assert (
        len(anna.services.store.runs_in_space("room-1")),
        text("notice.running_title", mailbox=MAILBOX, run=run.id) in cards(webex_script),
    ) == (
        1,
        True,
    )


@pytest.mark.parametrize("room", ["room-1", "room-2"])
def test_a_first_card_that_never_stood_there_holds_no_mailbox(
    anna: ChatContext, webex_script: Any, reply: Any, room: str
):
    """A first card that Webex never accepted does not block its mailbox.

    A new request in the same space continues the run. In another space it starts a new run in place
    of that one.
    """
    webex_script.on(
        "POST",
        "/messages",
        reply(403, {"message": "only moderators"}),
        reply(body={"id": "posted-1"}),
    )
    with pytest.raises(WebexError):
        type_(anna, "setup-email", MAILBOX)
    (first,) = anna.services.store.runs_in_space("room-1")
    type_(replace(anna, room=room, message="typed-2"), "setup-email", MAILBOX)
    (run,) = (run for run in anna.services.store.runs_in_space(room) if not run.ended)
    assert {each["run"] for each in pressed(webex_script) if each["do"] == "intake"} == {run.id}
    assert (run.id == first.id, anna.services.store.load(first.id).ended) == (
        (True, None) if room == "room-1" else (False, "cancelled")
    )


def test_of_somebody_elses_first_card_one_is_only_told(
    anna: ChatContext, webex_script: Any, reply: Any
):
    """It may be about to be filled in."""
    webex_script.on(
        "POST",
        "/messages",
        reply(403, {"message": "only moderators"}),
        reply(body={"id": "posted-1"}),
    )
    with pytest.raises(WebexError):
        type_(anna, "setup-email", MAILBOX)
    (run,) = anna.services.store.runs_in_space("room-1")
    type_(
        replace(anna, person=replace(anna.person, id="ben"), room="room-2", message="typed-2"),
        "setup-email",
        MAILBOX,
    )
    assert (
        anna.services.store.load(run.id).ended,
        text("notice.running_title", mailbox=MAILBOX, run=run.id) in cards(webex_script),
    ) == (
        None,
        True,
    )


@pytest.mark.parametrize(
    ("memberships", "named"),
    [
        ((200, {"items": [{"personId": "anna"}]}), True),
        ((200, {"items": []}), False),
        ((404, {"message": "no such space"}), False),
    ],
)
def test_a_run_of_another_space_is_found_by_its_name(
    anna: ChatContext, webex_script: Any, reply: Any, memberships: Any, named: bool
):
    """A run in another space is named only to members of that space.

    Other people learn no more than before, and so does everybody if the bot has left that space.
    """
    origin = Origin("room-2", "thread-2", message="typed-0")
    run = anna.services.store.open(
        Channel(MAILBOX), replace(anna.asker, id="ben", email="ben@example.test"), origin
    )
    webex_script.on("GET", "/rooms/room-2", reply(body={"id": "room-2", "title": "Mail <team>"}))
    webex_script.on("GET", "/memberships", reply(*memberships))
    type_(anna, "setup-email", MAILBOX)
    told = cards(webex_script)
    assert (
        run.id in told,
        "in the space Mail <team>, in the thread" in told,
        text("notice.running_words") in told,
    ) == (
        True,
        named,
        not named,
    )


def proven(ctx: ChatContext) -> Run:
    """The mailbox is connected."""
    run = ctx.services.store.open(
        Channel(MAILBOX, "https://a.b/callback", "x@y.z"),
        ctx.asker,
        replace(ctx.origin, message="typed-0"),
    )
    ctx.services.store.end(run, Event(Kind.FINISHED, now()))
    return ctx.services.store.load(run.id)


def test_a_connected_mailbox_is_said_to_be(anna: ChatContext, webex_script: Any):
    """For a connected mailbox, ``/setup-email`` starts no run and offers another look at it."""
    run = proven(anna)
    type_(anna, "setup-email", MAILBOX)
    assert (
        len(anna.services.store.runs_in_space("room-1")),
        text("notice.done_title", mailbox=MAILBOX) in cards(webex_script),
    ) == (
        1,
        True,
    )
    assert run.id in cards(webex_script)


@pytest.mark.parametrize("name", ["check", "fix", "undo"])
def test_a_channel_of_another_space_is_unknown_here(
    anna: ChatContext, webex_script: Any, name: str
):
    """A channel of another space is answered like an unknown one, whether it exists or not."""
    proven(replace(anna, room="room-2"))
    type_(anna, name, MAILBOX)
    assert (
        len(anna.services.runs.queue.jobs),
        text("notice.unknown_channel_title", mailbox=MAILBOX) in cards(webex_script),
    ) == (0, True)


def test_a_check_begins(anna: ChatContext):
    """A check starts with the recorded facts of the channel; a worker looks, and the card is drawn."""
    proven(anna)
    type_(anna, "check", MAILBOX)
    jobs = sorted(
        (str(job.func_name), job.args[0])
        for job in (*anna.services.runs.queue.jobs, *anna.services.cards.bell.queue.jobs)
    )
    run = anna.services.store.load(jobs[0][1])
    assert [name for name, _ in jobs] == ["bot.cards.draw.draw", "jobs.advance.advance"]
    assert (run.kind, run.channel.callback_url, run.detailed) == (
        "check",
        "https://a.b/callback",
        True,
    )


def test_a_fix_is_a_run_of_its_own(anna: ChatContext):
    """A fix is a run that holds the mailbox, so a second fix points to it."""
    proven(anna)
    type_(anna, "fix", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.kind, run.detailed, run.channel.forwarding_address) == ("fix", True, "x@y.z")
    type_(anna, "fix", MAILBOX)
    assert len(anna.services.store.runs_in_space("room-1")) == 2


@pytest.mark.parametrize(("room", "known"), [("room-1", True), ("room-2", False)])
def test_a_connected_channel_is_looked_at_anew(
    anna: ChatContext, webex_script: Any, room: str, known: bool
):
    """With the addresses that are known; in a space where it is not known, with the empty first card."""
    proven(anna)
    actions()["setup_again"](
        replace(anna, room=room), {"do": "setup_again", "mailbox_meant": MAILBOX}
    )
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.kind, run.detailed, run.channel.callback_url, "x@y.z" in cards(webex_script)) == (
        "setup",
        known,
        "https://a.b/callback" if known else "",
        False,
    )


@pytest.mark.parametrize(("room", "shown"), [("room-1", True), ("room-2", False)])
def test_a_connected_channel_is_changed(
    anna: ChatContext, webex_script: Any, room: str, shown: bool
):
    """A change of a connected channel starts with the first card, with the values known here."""
    proven(anna)
    actions()["setup_change"](
        replace(anna, room=room), {"do": "setup_change", "mailbox_meant": MAILBOX}
    )
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.detailed, "x@y.z" in cards(webex_script)) == (False, shown)


LINE = Change(
    "smtp_auth",
    "M2",
    Text("step.smtp_auth"),
    Text("seen.off"),
    Text("seen.on"),
    Scope.MAILBOX,
    "Set-CASMailbox",
)


def changed(ctx: ChatContext, end: Kind = Kind.CANCELLED) -> Run:
    """A setup that has changed something, and ended so."""
    run = ctx.services.store.open(
        Channel(MAILBOX, "https://a.b/callback", "x@y.z"),
        ctx.asker,
        replace(ctx.origin, message="typed-0"),
    )
    wrong = Finding("smtp_auth", State.WRONG, values={"disabled": "true"})
    ctx.services.store.append(
        run.id, Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@contoso.com"))
    )
    ctx.services.store.append(
        run.id,
        Event(
            Kind.FOUND,
            now(),
            step="ids",
            finding=Finding("ids", State.OK, facts={"object_id": "obj-1"}),
        ),
    )
    ctx.services.store.append(
        run.id, Event(Kind.PLANNED, now(), data={"plan": "p"}, changes=(LINE,))
    )
    ctx.services.store.append(
        run.id, Event(Kind.CHANGING, now(), step="smtp_auth", finding=wrong, changes=(LINE,))
    )
    ctx.services.store.append(
        run.id, Event(Kind.CHANGED, now(), step="smtp_auth"), Event(Kind.SIGNED_OUT, now())
    )
    ctx.services.store.end(ctx.services.store.load(run.id), Event(end, now()))
    return ctx.services.store.load(run.id)


@pytest.mark.parametrize("end", [Kind.CANCELLED, Kind.FINISHED])
def test_an_undo_remembers_what_was_before(anna: ChatContext, end: Kind):
    """It is bound to the tenant of the setup, finished or not, and holds the mailbox."""
    setup = changed(anna, end)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(anna.services.store.channels.running(MAILBOX))
    assert (run.kind, run.detailed, run.channel.tenant_id, run.known) == (
        "undo",
        True,
        "tenant-1",
        {"object_id": "obj-1"},
    )
    assert run.past == {
        "smtp_auth": RecordedChange(
            "smtp_auth", LINE, Text("seen.off"), {"disabled": "true"}, {}, (setup.id,)
        )
    }
    jobs = sorted((str(job.func_name), job.args[0]) for job in anna.services.runs.queue.jobs)
    assert ("jobs.advance.advance", run.id) in jobs


def test_the_same_undo_typed_once_is_one_run(anna: ChatContext, webex_script: Any):
    """An undo that is delivered twice is one run, and a second undo points to it.

    A redelivery after a crash before its details continues that run.
    """
    changed(anna)
    opened = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind.UNDO)
    type_(anna, "undo", MAILBOX)
    run = anna.services.store.load(opened.id)
    assert (run.detailed, list(run.past)) == (True, ["smtp_auth"])
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert (
        len(anna.services.store.runs_in_space("room-1")),
        text("notice.running_title_undo", mailbox=MAILBOX, run=run.id) in cards(webex_script),
    ) == (2, True)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("setup", "is being set up already"),
        ("fix", "is being mended already"),
        ("undo", "is being undone"),
    ],
)
def test_what_is_under_way_is_named(anna: ChatContext, webex_script: Any, kind: str, told: str):
    """Whatever was typed: a fix is no setup."""
    changed(anna)
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin, RunKind(kind))
    type_(replace(anna, message="typed-9"), "undo", MAILBOX)
    assert f"{MAILBOX} {told}, in run {run.id}" in cards(webex_script)


def test_nothing_recorded_is_said(anna: ChatContext, webex_script: Any):
    """For a channel that was connected manually, ``/undo`` starts no run and says so."""
    proven(anna)
    type_(anna, "undo", MAILBOX)
    assert (
        len(anna.services.store.runs_in_space("room-1")),
        text("notice.undo_nothing_title", mailbox=MAILBOX) in cards(webex_script),
    ) == (
        1,
        True,
    )


def test_status_lists_this_spaces_runs(anna: ChatContext, webex_script: Any):
    """And no other's."""
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, room="room-2", message="typed-2"), "setup-email", "sales@contoso.com")
    webex_script.asked.clear()
    type_(anna, "status")
    assert (MAILBOX in cards(webex_script), "sales@contoso.com" in cards(webex_script)) == (
        True,
        False,
    )


def test_status_and_cancel_see_an_old_open_run(anna: ChatContext, webex_script: Any):
    """``/status`` and ``/cancel`` find an open run behind a dozen ended ones.

    One of those was deleted by the operator. Runs that are not listed are counted.
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
    assert [
        each in cards(webex_script) for each in (MAILBOX, text("status.more.many", count="2"))
    ] == [
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
def test_cancel(anna: ChatContext, argument: str, ends: bool):
    """The one run of this space, or the one that is named."""
    type_(anna, "setup-email", MAILBOX)
    type_(anna, "cancel", argument)
    assert bool(anna.services.store.runs_in_space("room-1")[0].ended) is ends


def test_a_cancelled_run_keeps_nothing_sealed(anna: ChatContext):
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


def test_cancel_asks_which(anna: ChatContext, webex_script: Any):
    """With two open runs and no name, none is ended; a run's id names it."""
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, message="typed-2"), "setup-email", "sales@contoso.com")
    type_(anna, "cancel")
    newer, older = anna.services.store.runs_in_space("room-1")
    assert (newer.ended, older.ended, text("notice.cancel_which_title") in cards(webex_script)) == (
        None,
        None,
        True,
    )
    type_(anna, "cancel", newer.id.lower())
    assert [run.ended for run in anna.services.store.runs_in_space("room-1")] == [None, "cancelled"]


def test_cancel_in_another_space_finds_nothing(anna: ChatContext, webex_script: Any):
    """``/cancel`` in another space finds nothing and says nothing about the run."""
    type_(anna, "setup-email", MAILBOX)
    type_(replace(anna, room="room-2"), "cancel", MAILBOX)
    assert (
        anna.services.store.runs_in_space("room-1")[0].ended,
        text("notice.cancel_nothing_title") in cards(webex_script),
    ) == (
        None,
        True,
    )


@pytest.mark.parametrize(
    "argument",
    [
        "\r\n\x1b[31mred",
        "**bold** [x](http://evil)",
        "<script>",
        "{mailbox}",
        "key:cause.wrong_tenant",
        "x" * 2000,
    ],
)
@pytest.mark.parametrize(
    "name", ["setup-email", "check", "fix", "undo", "cancel", "status", "help"]
)
def test_odd_arguments_are_answered(anna: ChatContext, said: Said, name: str, argument: str):
    """Every command says something to every text, once, and opens nothing."""
    type_(anna, name, argument)
    assert ([method for method, _ in said()], anna.services.store.runs_in_space("room-1")) == (
        ["POST"],
        (),
    )
