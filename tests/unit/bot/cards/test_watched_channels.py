"""Cards of a channel, which say that the channel is watched, and offer to end the watch."""

import pytest

from bot.cards import draw
from bot.chat.audience import mark_members_checked
from bot.commands import actions
from jobs.clock import now
from jobs.model import Channel, Finding, Person, State
from jobs.runs.run import Brief, Event, Kind, Origin
from jobs.steps import steps_of
from jobs.storage import keys
from jobs.watch.model import WatchedChannel

MAILBOX = "support@contoso.com"
CHANNEL = Channel(
    MAILBOX, "https://uk.webexconnect.io/callback", "x1@mail.webexconnect.io", tenant_id="tenant-1"
)
WHO = Person("anna", "anna@example.test", "org-1")


def set_up(ctx):
    """Return a setup that has connected the channel."""
    store = ctx.services.store
    run = store.open(CHANNEL, WHO, Origin("room-1", "thread-1", message="typed-1"))
    for step in steps_of(run):
        finding = Finding(step, State.OK)
        store.append(run.id, Event(Kind.FOUND, now(), step=step, finding=finding))
    store.end(store.load(run.id), Event(Kind.FINISHED, now()))
    return store.load(run.id)


def found(ctx):
    """Return a check that has found a channel which somebody made by hand."""
    store, brief = ctx.services.store, Brief(by_hand=True, discover=True)
    origin = Origin("room-1", "thread-1", message="typed-1")
    run = store.check(Channel(MAILBOX), WHO, origin, brief=brief)
    data = {"client_id": "client-1", "upn": MAILBOX}
    store.append(
        run.id,
        Event(Kind.DISCOVERED, now(), channel=CHANNEL, data=data),
        Event(Kind.CHECKED, now()),
    )
    return store.load(run.id)


def show(ctx, run) -> None:
    """Draw the cards of the run until nothing is left to show now."""
    mark_members_checked(ctx.services, "room-1")
    for _ in range(3):
        ctx.services.redis.delete(keys.webex_wait("all"))
        draw.draw(run.id)


def posts(webex_script) -> list[tuple[str, str]]:
    """Return every post and edit of the run's own card: the method, and the card as text."""
    return [
        (method, str(body["attachments"]))
        for method, path, body in webex_script.asked
        if method != "GET" and path.startswith("/messages") and body.get("attachments")
    ]


@pytest.mark.parametrize("make", [set_up, found])
def test_the_card_says_that_it_is_watched_and_ends_it(anna, webex_script, pass_time, make):
    """After Keep and after a setup, the card says that the channel is watched.

    A button on the card ends the watch. A card that was edited stays one message.
    """
    run = make(anna)
    show(anna, run)
    if run.checked:
        actions()["keep"](anna, {"run": run.id})
        pass_time(30)
        show(anna, run)
    card = posts(webex_script)[-1][1]
    assert "'do': 'watch', 'channel'" in card
    assert "watched" not in card or "every 15 minutes" not in card
    actions()["watch"](anna, {"channel": MAILBOX})
    assert anna.services.cards.schedule.due(run.id) > 0
    pass_time(30)
    show(anna, run)
    method, card = posts(webex_script)[-1]
    assert (method, "'do': 'watch_off'" in card, "every 15 minutes" in card) == ("PUT", True, True)
    actions()["watch_off"](anna, {"channel": MAILBOX})
    pass_time(30)
    show(anna, run)
    method, card = posts(webex_script)[-1]
    assert (method, "'do': 'watch_off'" in card, "every 15 minutes" in card) == (
        "PUT",
        False,
        False,
    )


def test_a_card_that_webex_does_not_let_edit_is_not_posted_again(
    anna, webex_script, reply, pass_time
):
    """If Webex refuses the edit, the card is not posted again.

    The answer to the press says the same below the card.
    """
    run = set_up(anna)
    show(anna, run)
    webex_script.on("PUT", "/messages/posted-1", reply(400))
    before = len(posts(webex_script))
    anna.services.watching.channels.save(_watched(anna))
    for _ in range(2):
        pass_time(30)
        show(anna, run)
    assert [method for method, _ in posts(webex_script)[before:]] == ["PUT"]


def test_another_spaces_watch_is_not_on_the_card(anna, webex_script):
    """A watch of another space is not on this space's card, because its cards go elsewhere."""
    run = set_up(anna)
    anna.services.watching.channels.save(_watched(anna, "room-2"))
    show(anna, run)
    card = posts(webex_script)[-1][1]
    assert ("'do': 'watch', 'channel'" in card, "every 15 minutes" in card) == (True, False)


def _watched(ctx, room: str = "room-1") -> WatchedChannel:
    return WatchedChannel(CHANNEL, room, ctx.asker, now())
