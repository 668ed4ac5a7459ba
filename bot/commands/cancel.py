"""Command /cancel: stop a run; completed changes stay and are listed."""

from __future__ import annotations

from contextlib import suppress

from adaptive_cards import notice, offer
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.cards.offer import Offer, OfferView
from adaptive_cards.glyphs import SKIPPED
from bot.cards.presenters.card_state import posted_cards
from bot.cards.presenters.ended import left, undo_button
from bot.chat.context import ChatContext
from bot.chat.permissions import AccessPolicy
from bot.commands import Command
from bot.webex.client import WebexError
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Event, Kind, Run
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
        if cancel(ctx, wanted[0]):
            _told(ctx, wanted[0])
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


def _told(ctx: ChatContext, run: Run) -> None:
    """Answer the command, whose message may be far from the run's card.

    In another room ``/undo`` does not know the channel, so there is no button.
    """
    ctx.notify(_answer(ctx, run))


def end_choice(ctx: ChatContext, run: Run) -> None:
    """Edit the card whose button canceled the run, if it is none of the run's own cards.

    Its buttons would offer what is done. An edit that Webex does not take changes nothing else.
    """
    own = {shown.message for shown in posted_cards(ctx.services, run.id).values()}
    if ctx.message in own:
        return
    card = notice(_answer(ctx, run))
    with suppress(WebexError):
        ctx.services.messenger.edit(ctx.message, ctx.room, card.text, card.content)


def _answer(ctx: ChatContext, run: Run) -> NoticeView:
    run = ctx.services.store.refresh(run)
    return NoticeView(
        Text("notice.cancel_kicker"),
        Text("notice.cancelled_title", {"run": run.id}),
        left(run),
        glyph=SKIPPED.glyph,
        buttons=undo_button(run) if ctx.room == run.origin.room else (),
        at=now(),
    )


def cancel(ctx: ChatContext, run: Run) -> bool:
    """End the run if this person may cancel it, and return whether it was ended now.

    The run's card says so; it says what stays changed, and offers to undo it.
    """
    services = ctx.services
    if not AccessPolicy(services.bot, services.webex).may_cancel(ctx.person, run):
        ctx.refuse(Text("notice.cancel_not_part"))
        return False
    run = services.store.refresh(run)
    if not services.store.end(run, Event(Kind.CANCELLED, now(), by=ctx.person.email)):
        ctx.refuse(Text("refused.over"), title="refused.nothing")
        return False
    for sealed in (Sealed.ADMIN_SESSION, Sealed.CLIENT_SECRET):
        services.vault.drop(sealed.of(run.id))
    mailbox_login.close(services.vault, run.id)
    services.cards.request(run.id)
    return True


COMMAND = Command("cancel", "runs", run, "[ADDRESS]")
