"""Commands without an address, or with a mistyped one: the channels known here as buttons."""

from dataclasses import replace

import pytest

from adaptive_cards.texts import text
from jobs.clock import now
from jobs.model import Channel, Finding, RunKind, State
from jobs.runs.run import Event, Kind
from tests.fixtures.webex_script import Reply
from tests.unit.bot.actions.presses import press
from tests.unit.bot.commands.typed_commands import MAILBOX, begun, cards, pressed, proven, type_

TYPED = "suport@contoso.com"


def typed(command: str, mailbox: str) -> dict[str, str]:
    """Return the data of the button that runs a command for a mailbox."""
    return {"do": "typed", "command": command, "mailbox_meant": mailbox}


def know(ctx, *mailboxes: str) -> None:
    """Make these mailboxes channels of the space."""
    for mailbox in mailboxes:
        origin = replace(ctx.origin, message=f"typed-{mailbox}")
        run = ctx.services.store.open(Channel(mailbox), ctx.asker, origin)
        ctx.services.store.end(run, Event(Kind.FINISHED, now()))


def kinds(ctx) -> list[RunKind]:
    """Return the kinds of the runs that have not ended."""
    return [run.kind for run in ctx.services.store.runs_in_space(ctx.room) if not run.ended]


@pytest.mark.parametrize("name", ["fix", "undo", "tac"])
def test_the_one_channel_is_offered_by_name(anna, webex_script, name):
    """The only channel gets a button that runs the command, and a field takes any other address."""
    proven(anna)
    type_(anna, name)
    assert pressed(webex_script) == [typed(name, MAILBOX), {"do": "typed", "command": name}]
    shown = cards(webex_script)
    assert text(f"choice.button.{name}", value=MAILBOX) in shown
    assert text("typed.no_address") not in shown


def test_at_most_four_channels_have_a_button(anna, webex_script):
    """At most four channels get a button, because a card takes five buttons.

    The channels that were checked last come first.
    """
    boxes = [f"box{at}@contoso.com" for at in range(6)]
    know(anna, *boxes)
    run = anna.services.store.open(Channel(boxes[5]), anna.asker, anna.origin, RunKind.CHECK)
    anna.services.store.append(run.id, Event(Kind.CHECKED, now()))
    anna.services.channels.set_last_check(boxes[5], run.id)
    type_(anna, "fix")
    offered = [each["mailbox_meant"] for each in pressed(webex_script) if "mailbox_meant" in each]
    assert offered == [boxes[5], *boxes[:3]]


def test_a_channel_of_another_space_is_not_offered(anna, webex_script):
    """A channel of another space is not named, with no address and with a nearly right one."""
    know(anna, "orders@contoso.com")
    elsewhere = replace(anna, room="room-2")
    for argument in ("", "order@contoso.com"):
        type_(elsewhere, "fix", argument)
    assert "orders@" not in str(webex_script.asked)


def test_undo_offers_what_a_cancelled_setup_has_changed(anna, webex_script):
    """``/undo`` offers the mailbox of a canceled setup with changes, although it is no channel."""
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    wrong = Finding("smtp_auth", State.WRONG)
    anna.services.store.append(run.id, Event(Kind.CHANGING, now(), step="smtp_auth", finding=wrong))
    type_(anna, "undo")
    assert typed("undo", MAILBOX) in pressed(webex_script)


@pytest.mark.parametrize("argument", [f"{MAILBOX} please", f"{MAILBOX}, since this morning"])
@pytest.mark.parametrize("name", ["check", "fix"])
def test_words_after_the_address_are_ignored(anna, name, argument):
    """Words after the address are ignored, so the command runs as with the address alone."""
    proven(anna)
    type_(anna, name, argument)
    runs = begun(anna) if name == "check" else anna.services.store.runs_in_space(anna.room)
    assert [(run.kind, run.channel.mailbox) for run in runs if not run.ended] == [(name, MAILBOX)]


@pytest.mark.parametrize(
    "argument", [f"{MAILBOX} sales@contoso.com", "support@contoso.co m", "please support"]
)
def test_a_doubtful_address_is_still_corrected(anna, webex_script, argument):
    """The bot does not guess from two addresses, or from an address with a blank in it."""
    proven(anna)
    type_(anna, "fix", argument)
    assert (kinds(anna), text("typed.title") in cards(webex_script)) == ([], True)


@pytest.mark.parametrize("mailbox", [TYPED, "support@contsoo.com"])
@pytest.mark.parametrize("name", ["fix", "undo", "tac", "audit"])
def test_a_mistyped_address_becomes_a_button(anna, webex_script, name, mailbox):
    """For a mistyped address, the nearest channel of this space is offered, and nothing begins."""
    proven(anna)
    type_(anna, name, mailbox)
    assert (pressed(webex_script), kinds(anna)) == ([typed(name, MAILBOX)], [])
    assert text("understood.meant", meant=MAILBOX) in cards(webex_script)


def test_a_check_asks_before_it_searches(anna, webex_script):
    """``/check`` of a nearly known address asks first, because another mailbox may be meant.

    That mailbox is then checked without a second question.
    """
    proven(anna)
    type_(anna, "check", TYPED)
    assert pressed(webex_script) == [typed("check", MAILBOX), {"do": "check", "channel": TYPED}]
    assert begun(anna) == []
    press(anna, "check", channel=TYPED)
    assert [(run.channel.mailbox, run.brief.discover) for run in begun(anna)] == [(TYPED, True)]


@pytest.mark.parametrize("mailbox", ["sales@contoso.com", "support@fabrikam.com"])
def test_another_address_is_not_taken_for_a_slip(anna, webex_script, mailbox):
    """An address is taken for a typing error only if both its name and its domain are alike."""
    proven(anna)
    type_(anna, "fix", mailbox)
    assert MAILBOX not in str(pressed(webex_script))
    assert text("notice.unknown_channel_words") in cards(webex_script)


def test_the_list_of_channels_offers_every_command(anna, webex_script):
    """``/channels`` has a list with the worst channel chosen, and the buttons of four commands."""
    know(anna, MAILBOX, "sales@contoso.com")
    type_(anna, "channels")
    commands = [{"do": "typed", "command": name} for name in ("check", "fix", "undo", "tac")]
    assert pressed(webex_script) == [*commands, {"do": "check", "channel": "all"}]
    press(anna, **commands[1] | {"mailbox": "sales@contoso.com"})
    (fix,) = (
        run for run in anna.services.store.runs_in_space(anna.room) if run.kind is RunKind.FIX
    )
    assert fix.channel.mailbox == "sales@contoso.com"


def test_the_only_channel_has_buttons_of_its_own(anna, webex_script):
    """If there is only one channel, ``/channels`` shows its four buttons without a list."""
    know(anna, MAILBOX)
    type_(anna, "channels")
    assert pressed(webex_script) == [
        typed(name, MAILBOX) for name in ("check", "fix", "undo", "tac")
    ]


def test_the_audit_trail_offers_each_channel(anna, webex_script):
    """``/audit`` alone shows everything here, with a button for each channel.

    ``/audit`` with an address has no button.
    """
    know(anna, MAILBOX)
    type_(anna, "audit")
    assert pressed(webex_script) == [typed("audit", MAILBOX)]
    type_(anna, "audit", MAILBOX)
    assert pressed(webex_script) == []


def test_explain_without_a_text_offers_the_channels(anna, webex_script):
    """``/explain`` without a text offers this space's channels, and says how a text is given.

    Another space's channels are not named.
    """
    body = {"id": anna.message, "text": "Email Bot /explain", "created": now().isoformat()}
    webex_script.on("GET", f"/messages/{anna.message}", Reply(body=body))
    know(anna, MAILBOX)
    type_(anna, "explain")
    assert pressed(webex_script) == [typed("check", MAILBOX)]
    assert text("explain.empty_turn") in cards(webex_script)
    type_(replace(anna, room="room-2"), "explain")
    assert pressed(webex_script) == []


@pytest.mark.parametrize("argument", [f"all {MAILBOX}", f"ALLE Postfach {MAILBOX}"])
def test_all_and_an_address(anna, webex_script, argument):
    """``/check`` with "all" and an address offers a button for each, and checks nothing yet."""
    proven(anna)
    type_(anna, "check", argument)
    both = [{"do": "check", "channel": MAILBOX}, {"do": "check", "channel": "all"}]
    assert (pressed(webex_script), begun(anna)) == (both, [])


@pytest.mark.parametrize("argument", [TYPED, "7Q4K nonsense"])
def test_cancel_of_an_unknown_run_offers_the_open_ones(anna, webex_script, argument):
    """``/cancel`` with a mistyped address or id ends nothing, even if only one run is open."""
    run = anna.services.store.open(Channel(MAILBOX), anna.asker, anna.origin)
    type_(anna, "cancel", argument)
    assert pressed(webex_script) == [{"do": "cancel", "run": run.id}]
    assert kinds(anna) == [RunKind.SETUP]
    type_(anna, "cancel", f"{run.id.lower()}, please")
    assert kinds(anna) == []


@pytest.mark.parametrize("name", ["fix", "tac", "audit"])
def test_a_channel_that_is_not_known_in_a_direct_message(anna, webex_script, name):
    """In a 1:1, the answer about an unknown channel does not speak of this space.

    The answer says where the command works.
    """
    type_(replace(anna, room="direct-1", direct=True), name, MAILBOX)
    shown = cards(webex_script)
    assert text("notice.unknown_channel_words_direct") in shown
    assert "this space" not in shown


def test_a_button_of_an_understood_command_is_typed_text(anna, webex_script):
    """A button with hostile data does no more than the same text, typed."""
    for command, argument in (
        ("no-such", MAILBOX),
        ("__init__", ""),
        ("fix", "../run:1\r\n\u202e"),
        ("fix", "x" * 100_000),
        ("cancel", "RUN"),
    ):
        press(anna, "run_command", command=command, argument=argument)
    assert kinds(anna) == []
    assert "x" * 3000 not in str(webex_script.asked)
