"""Which entries of the audit trail somebody may see: those of this space's channels, or in a 1:1 their own; an approver sees all there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.chat.context import ChatContext
from bot.settings import BotSettings
from bot.webex.client import Membership, Webex, WebexPerson
from jobs.model import Text
from jobs.runs.audit import AuditEntry
from jobs.runs.run import Run
from jobs.webex_org_id import normalize


def may_read_audit(ctx: ChatContext) -> bool:
    """Approvers are named in the settings; where none are, everybody whom the bot serves may see what is theirs."""
    approvers = ctx.services.bot.approvers
    return not approvers or not set(approvers).isdisjoint(ctx.person.emails)


def visible_entries(ctx: ChatContext, facts: Sequence[AuditEntry]) -> list[AuditEntry]:
    """What this person may see here."""
    if ctx.direct and ctx.services.bot.approvers:
        return list(facts)
    known_here = set(visible_channels(ctx))
    if ctx.direct:
        return _with_their_runs(
            facts,
            lambda each: not {each.get("by"), each.get("asked_by")}.isdisjoint(ctx.person.emails) or each.get("mailbox") in known_here,
        )
    return _with_their_runs(facts, lambda each: each.get("room") == ctx.room or each.get("mailbox") in known_here)


def entries_of_mailbox(mailbox: str, facts: Sequence[AuditEntry]) -> list[AuditEntry]:
    """What is about one mailbox; the beginning of a run that learnt its mailbox later is part of it."""
    return _with_their_runs(facts, lambda each: each.get("mailbox") == mailbox)


def _with_their_runs(facts: Sequence[AuditEntry], wanted: Callable[[AuditEntry], bool]) -> list[AuditEntry]:
    runs = {str(each["run"]) for each in facts if each.get("run") and wanted(each)}
    return [each for each in facts if each.get("run") in runs or wanted(each)]


BOTS = ("@webex.bot", "@sparkbot.io")


PEOPLE = frozenset({"person", ""})
"""The types of account that are people; Webex leaves the type away where it does not tell it."""


def is_bot(person: WebexPerson) -> bool:
    """Whether this is another bot, by its type or, where Webex does not tell that, by an address that only bots have."""
    return person.type == "bot" or any(email.endswith(BOTS) for email in person.emails)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The allow-list: deny by default, compared exactly."""

    settings: BotSettings
    webex: Webex

    def denial(self, person: WebexPerson) -> Text | None:
        """Why this person is not served, or None. Guests and bots never are, nor any kind of account that Webex has yet to invent.

        Of several addresses the first counts, as in a space, whose memberships tell no other.
        """
        if person.type not in PEOPLE or is_bot(person):
            return Text("refused.not_a_person")
        return None if self._ours(person.email, person.org_id) else Text("refused.organisation")

    def external_members(self, members: Iterable[Membership], bot_id: str) -> tuple[Membership, ...]:
        """Members of a space whom the bot would not answer, bots apart: with one of them in it, no channel is spoken of."""
        return tuple(
            member
            for member in members
            if member.person_id != bot_id
            and not member.person_email.endswith(BOTS)
            and not self._ours(member.person_email, member.person_org_id)
        )

    def may_approve(self, person: WebexPerson, run: Run) -> bool:
        """Approvers are named in the settings; where none are, whoever asked approves."""
        if not self.settings.approvers:
            return person.id == run.requester.id
        return not set(self.settings.approvers).isdisjoint(person.emails)

    def is_participant(self, person: WebexPerson, run: Run) -> bool:
        """Whether this person has anything to say about the run: who asked, an approver, or who was asked 1:1 to sign in or to consent."""
        asked = {run.answer("administrator"), run.answer("consent_administrator")} - {""}
        return person.id == run.requester.id or self.may_approve(person, run) or not asked.isdisjoint(person.emails)

    def _ours(self, email: str, org_id: str) -> bool:
        _, at, domain = email.lower().rpartition("@")
        orgs = {normalize(each) for each in self.settings.allowed_org_ids}
        return bool(at) and domain in self.settings.allowed_email_domains and (not orgs or normalize(org_id) in orgs)


def visible_channels(ctx: ChatContext) -> tuple[str, ...]:
    """The channels that this person may ask about here: those of the space, and in a 1:1 also the person's own."""
    return ctx.services.channels.of_space(ctx.room, ctx.person.id if ctx.direct else "")
