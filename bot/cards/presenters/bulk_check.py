"""Presenter of a check of many channels as one card.

The worst channels come first. The card is edited as verdicts arrive.
"""

from __future__ import annotations

from adaptive_cards import channels as draw
from adaptive_cards.cards.channels import ChannelLine, ChannelsView
from bot.cards import superseded
from bot.cards.presenters._common import known_text
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.checks import bulk
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Run
from jobs.watch.facts import assessment

EDITS = 7
"""Number of intermediate edits of the card, however many channels there are.

A message takes ten edits (platforms/webex.md 2).
"""


def cards(run: Run, _: Services) -> list[DesiredCard]:
    # Progress is shown in ``EDITS`` parts.
    found = view(run)
    part = len(run.findings) * EDITS // max(len(found.channels), 1)
    done = _is_over(run)
    return [
        DesiredCard(
            "channels",
            draw(found),
            fingerprint=f"{part} {done} {found.withdrawn}",
            urgency=str(done),
            final=done,
        )
    ]


def _is_over(run: Run) -> bool:
    return run.checked is not None or bool(run.ended)


def view(run: Run) -> ChannelsView:
    return ChannelsView(
        channels=tuple(_channel_line(run, mailbox) for mailbox in bulk.mailboxes(run)),
        at=run.checked or now(),
        checking=0 if _is_over(run) else len(bulk.mailboxes(run)) - len(run.findings),
        withdrawn=sum(question.startswith("app_access") for question in run.problems),
        direct=run.origin.direct,
    )


def line_of(services: Services, mailbox: str) -> ChannelLine:
    found = assessment(services.store, mailbox)
    fact, words = found.fact, superseded.in_progress(found)
    if words is not None:
        return ChannelLine(mailbox, State.WAITING, words)
    if fact is None:
        return ChannelLine(mailbox, None, Text("channels.never"))
    if fact.finding is not None:
        return ChannelLine(mailbox, fact.finding.state, words_of(fact.finding), fact.at)
    state = State.OK if found.needs_no_fix else State.UNKNOWN
    return ChannelLine(mailbox, state, superseded.words_of(fact), fact.at)


def words_of(judged: Finding) -> Text:
    if judged.state is not State.WRONG:
        return judged.seen or Text("channels.nothing_wrong")
    return known_text(f"cause.{judged.cause}") or Text(f"step.{judged.facts['step']}")


def _channel_line(run: Run, mailbox: str) -> ChannelLine:
    judged = run.findings.get(mailbox)
    if judged is None:
        return ChannelLine(mailbox, None, Text("channels.waiting"))
    return ChannelLine(mailbox, judged.state, words_of(judged), run.found_at[mailbox])
