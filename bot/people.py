"""Who is asking, and may they. Everything is asked of Webex, nothing is believed of an event (facts/webex.md 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bot.settings import BotSettings
from bot.webex import Membership, Webex, WebexPerson
from jobs.model import Words
from jobs.organizations import reduced
from jobs.run import Run

BOTS = ("@webex.bot", "@sparkbot.io")
PEOPLE = frozenset({"person", ""})
"""The types of account that are people; Webex leaves the type away where it does not tell it."""


def is_bot(person: WebexPerson) -> bool:
    """Whether this is another bot, by its type or, where Webex does not tell that, by an address that only bots have."""
    return person.type == "bot" or any(email.endswith(BOTS) for email in person.emails)


@dataclass(frozen=True, slots=True)
class Gate:
    """The allow-list: deny by default, compared exactly."""

    settings: BotSettings
    webex: Webex

    def refusal(self, person: WebexPerson) -> Words | None:
        """Why this person is not served, or None. Guests and bots never are, nor any kind of account that Webex has yet to invent.

        Of several addresses the first counts, as in a space, whose memberships tell no other.
        """
        if person.type not in PEOPLE or is_bot(person):
            return Words("refused.not_a_person")
        return None if self._ours(person.email, person.org_id) else Words("refused.organisation")

    def outsiders(self, members: Iterable[Membership], bot_id: str) -> tuple[Membership, ...]:
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

    def takes_part(self, person: WebexPerson, run: Run) -> bool:
        """Whether this person has anything to say about the run: who asked, an approver, or who was asked 1:1 to sign in or to consent."""
        asked = {run.answer("administrator"), run.answer("consent_administrator")} - {""}
        return person.id == run.requester.id or self.may_approve(person, run) or not asked.isdisjoint(person.emails)

    def _ours(self, email: str, org_id: str) -> bool:
        _, at, domain = email.lower().rpartition("@")
        orgs = {reduced(each) for each in self.settings.allowed_org_ids}
        return bool(at) and domain in self.settings.allowed_email_domains and (not orgs or reduced(org_id) in orgs)
