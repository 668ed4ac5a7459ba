"""Presenter of a check of many channels as one card.

The worst channels come first. The card is edited as verdicts arrive.
"""

from __future__ import annotations

from adaptive_cards import channels as draw
from adaptive_cards.cards.channels import ChannelLine, ChannelsView
from bot.cards.presenters._common import known_text
from bot.cards.presenters.card_state import DesiredCard
from bot.services import Services
from jobs.checks import bulk
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Run

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


def line_of(mailbox: str, last: Run | None) -> ChannelLine:
    if last is None or last.checked is None:
        return ChannelLine(mailbox, None, Text("channels.never"))
    judged = bulk.summarize(last)
    return ChannelLine(mailbox, judged.state, words_of(judged), last.checked)


def words_of(judged: Finding) -> Text:
    if judged.state is not State.WRONG:
        return judged.seen or Text("channels.nothing_wrong")
    return known_text(f"cause.{judged.cause}") or Text(f"step.{judged.facts['step']}")


def _channel_line(run: Run, mailbox: str) -> ChannelLine:
    judged = run.findings.get(mailbox)
    if judged is None:
        return ChannelLine(mailbox, None, Text("channels.waiting"))
    return ChannelLine(mailbox, judged.state, words_of(judged), run.found_at[mailbox])
