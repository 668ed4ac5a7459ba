"""Data of the card that shows a plan."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.cards.plan_people import PlanPeople, may_press
from adaptive_cards.views import Header
from jobs.model import Change, Profile, Scope, Text, Turn


@dataclass(frozen=True, slots=True)
class Address:
    """Address of the plan, shown in full.

    ``key`` is the label's key. ``other`` is the other spelling of its host, with Punycode or without,
    and ``letters`` names the characters that are not ASCII. Both are empty for a plain address.
    """

    key: str
    value: str
    other: str = ""
    letters: str = ""


@dataclass(frozen=True, slots=True)
class ForeignHosts:
    """Hosts of the plan that are not Webex Connect's.

    Each has a text that says what goes there. ``confirmed`` says who confirmed them and when; without
    it the plan cannot be approved.
    """

    hosts: tuple[tuple[str, Text], ...]
    confirmed: Text | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """Data of a plan.

    ``right`` is already correct, and ``blocking`` prevents approval. ``manually_created`` is the
    client ID of an app that a person made. ``closed`` is the reason why the plan can no longer be approved.

    ``named`` are causes that a recent check found and no plan can fix, and ``turn`` says who must
    act on them. ``has_begun`` means that part of the plan was approved or carried out before.

    ``addresses`` are shown in full, because no line of the plan names them all. ``foreign`` are hosts
    that an approver confirms first. ``consent`` says for whom
    permissions are granted, and ``for_all`` that it is for all users. ``people`` are those of a plan
    whose reader may not approve it. ``undoes`` is the only run that an undo reverses; it is empty if
    the undo disconnects the channel.
    """

    header: Header
    plan_id: str
    signed_in: str
    changes: tuple[Change, ...]
    right: tuple[Text, ...]
    warnings: tuple[Text, ...] = ()
    blocking: tuple[Text, ...] = ()
    profile: Profile = Profile.ARTICLE
    approved: bool = False
    approved_tenant: bool = False
    manually_created: str = ""
    closed: str = ""
    named: tuple[Text, ...] = ()
    turn: Turn = Turn.NOBODY
    has_begun: bool = False
    people: PlanPeople | None = None
    addresses: tuple[Address, ...] = ()
    foreign: ForeignHosts | None = None
    consent: Text | None = None
    for_all: bool = False
    undoes: str = ""

    @property
    def waits_for_hosts(self) -> bool:
        """Return whether an approver must confirm the hosts before anything can be approved."""
        left = not all(map(self._is_approved, self.changes))
        return left and self.foreign is not None and self.foreign.confirmed is None

    @property
    def is_open(self) -> bool:
        """Return whether the card's readers may decide.

        They may if the plan is neither closed nor blocked, and if the decision is theirs.
        """
        return not self.closed and not self.blocking and may_press(self.people)

    @property
    def begun(self) -> bool:
        """Return whether part of the plan was approved or carried out."""
        return self.approved or self.approved_tenant or self.has_begun

    def _is_approved(self, change: Change) -> bool:
        return self.approved_tenant if change.scope is Scope.TENANT else self.approved
