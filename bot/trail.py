"""Which entries of the audit trail somebody may see: those of this space's channels, or in a 1:1 their own; an approver sees all there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.commands import check
from bot.talk import Talk
from jobs.audit import Fact


def may_see(talk: Talk) -> bool:
    """Approvers are named in the settings; where none are, everybody whom the bot serves may see what is theirs."""
    approvers = talk.desk.bot.approvers
    return not approvers or not set(approvers).isdisjoint(talk.person.emails)


def visible(talk: Talk, facts: Sequence[Fact]) -> list[Fact]:
    """What this person may see here."""
    if talk.direct and talk.desk.bot.approvers:
        return list(facts)
    known = set(check.known(talk))
    if talk.direct:
        return _with_their_runs(
            facts, lambda each: not {each.get("by"), each.get("asked_by")}.isdisjoint(talk.person.emails) or each.get("mailbox") in known
        )
    return _with_their_runs(facts, lambda each: each.get("room") == talk.room or each.get("mailbox") in known)


def of_mailbox(mailbox: str, facts: Sequence[Fact]) -> list[Fact]:
    """What is about one mailbox; the beginning of a run that learnt its mailbox later is part of it."""
    return _with_their_runs(facts, lambda each: each.get("mailbox") == mailbox)


def _with_their_runs(facts: Sequence[Fact], wanted: Callable[[Fact], bool]) -> list[Fact]:
    runs = {str(each["run"]) for each in facts if each.get("run") and wanted(each)}
    return [each for each in facts if each.get("run") in runs or wanted(each)]
