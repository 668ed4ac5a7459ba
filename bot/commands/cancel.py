"""Command /cancel: stop a run; completed changes stay and are listed."""

from __future__ import annotations

from collections.abc import Iterable

from adaptive_cards import offer
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.offer import Offer, OfferView
from adaptive_cards.glyphs import SKIPPED
from adaptive_cards.texts import listed, render
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from bot.commands import Command
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Changed, Event, Kind, Run
from jobs.storage.vault import Sealed

RUNS_MOST = 5
"""Runs that are offered as buttons, the newest. A card takes five buttons."""


def run(ctx: ChatContext, argument: str) -> None:
    """Cancel the only run of this space, the run of the mailbox, or the run with the given id.

    Words after the address or id are ignored. If no run or more than one is meant, the open runs
    are offered.
    """
    named = argument.partition(" ")[0].rstrip(",;:").lower()
    open_runs = [each for each in ctx.services.store.runs_in_space(ctx.room) if not each.ended]
    wanted = [
        each for each in open_runs if not named or named in {each.channel.mailbox, each.id.lower()}
    ]
    if len(wanted) == 1:
        cancel(ctx, wanted[0])
        return
    if open_runs:
        unknown = Text("notice.cancel_unknown_title", {"typed": named})
        title = unknown if not wanted else Text("notice.cancel_which_title")
        _choose(ctx, title, wanted or open_runs)
        return
    ctx.notify(
        NoticeView(
            Text("notice.cancel_kicker"),
            Text("notice.cancel_nothing_title"),
            Text("notice.cancel_nothing_words"),
        )
    )


def _choose(ctx: ChatContext, title: Text, runs: list[Run]) -> None:
    """Offer the newest runs as buttons, with their ids, because a run may have no mailbox yet."""
    offers = tuple(
        Offer(
            Text("choice.button.cancel", {"value": f"{each.id} {each.channel.mailbox}".rstrip()}),
            {"do": "cancel", "run": each.id},
        )
        for each in runs[:RUNS_MOST]
    )
    kicker, turn = Text("notice.cancel_kicker"), Text("understood.cancel_turn")
    lines = (Text("notice.cancel_which_words"),)
    ctx.say(offer(OfferView(kicker, title, offers, now(), turn=turn, lines=lines)))


def cancel(ctx: ChatContext, run: Run) -> None:
    """End the run if this person is a participant."""
    services = ctx.services
    if not AccessPolicy(services.bot, services.webex).is_participant(ctx.person, run):
        ctx.refuse(Text("notice.cancel_not_part"))
        return
    run = services.store.refresh(run)
    if not services.store.end(run, Event(Kind.CANCELLED, now(), by=ctx.person.email)):
        ctx.refuse(Text("refused.over"), title="refused.nothing")
        return
    for sealed in (Sealed.ADMIN_SESSION, Sealed.CLIENT_SECRET):
        services.vault.drop(sealed.of(run.id))
    mailbox_login.close(services.vault, run.id)
    services.cards.request(run.id)
    title = Text("notice.cancelled_title", {"run": run.id})
    ctx.notify(
        NoticeView(
            Text("notice.cancel_kicker"),
            title,
            _left(run),
            glyph=SKIPPED.glyph,
            buttons=_offered(ctx, run),
            at=now(),
        )
    )


def _offered(ctx: ChatContext, run: Run) -> tuple[tuple[str, dict[str, str]], ...]:
    """Return a button that undoes what the run has changed; none without a change, or elsewhere.

    In another room ``/undo`` does not know the channel.
    """
    if not run.changed or ctx.room != run.origin.room:
        return ()
    pressed = {"do": "typed", "command": "undo", "mailbox_meant": run.channel.mailbox}
    return (("button.undo", pressed),)


def _left(run: Run) -> Text:
    """Return what stays changed, and what was under way: its call may still arrive."""
    done = [changed for changed in run.changed.values() if changed.done]
    late = [
        changed for name, changed in run.changed.items() if not changed.done and name in run.running
    ]
    if late:
        key = "notice.cancelled_late_words" if done else "notice.cancelled_only_late_words"
        return Text(key, {"done": _objects(done), "late": _objects(late)})
    if not done:
        return Text("notice.cancelled_nothing_words")
    return Text("notice.cancelled_words", {"done": _objects(done)})


def _objects(changes: Iterable[Changed]) -> str:
    """Return the changed objects as a list in words."""
    return listed(render(change.object) for changed in changes for change in changed.changes)


COMMAND = Command("cancel", "runs", run, "[ADDRESS]")
