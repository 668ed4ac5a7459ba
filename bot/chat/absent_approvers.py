"""Approvers who are not in the space in which a run begins, so that they get its plan 1:1."""

from __future__ import annotations

from bot.chat.context import ChatContext
from bot.webex.client import WebexAnswerError
from jobs.clock import now
from jobs.runs.run import Event, Kind

ABSENT = "approvers_absent"
"""Question of whether no approver is in the run's space. The answer is ``yes`` or missing."""


def note_absent(ctx: ChatContext) -> list[Event]:
    """Return the event that no approver is in this space, or no event.

    The members are read once, when the run gets its details. A space whose members cannot be read
    counts as one in which an approver can press the button.

    Raises:
        WebexError: Webex does not answer; the press or message is retried.
    """
    approvers = set(ctx.services.bot.approvers)
    if ctx.direct or not approvers or not approvers.isdisjoint(ctx.person.emails):
        return []
    if _may_have_member(ctx, approvers):
        return []
    data = {"question": ABSENT, "value": "yes"}
    return [Event(Kind.ANSWERED, now(), by=ctx.person.email, data=data)]


def _may_have_member(ctx: ChatContext, approvers: set[str]) -> bool:
    """Return whether an approver is a member of this space, or its members cannot be read."""
    try:
        members = ctx.services.webex.members(ctx.room)
    except WebexAnswerError:
        return True
    return not approvers.isdisjoint(member.person_email.lower() for member in members)
