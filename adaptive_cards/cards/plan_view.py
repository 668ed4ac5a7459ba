from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.cards.plan_people import PlanPeople
from adaptive_cards.views import Header
from jobs.model import Change, Profile, Text, Turn


@dataclass(frozen=True, slots=True)
class PlanView:
    """Data of a plan.

    ``right`` is already correct, and ``blocked`` prevents approval. ``by_hand`` is the client id of
    a manually created app. ``closed`` is the reason why the plan can no longer be approved.

    ``named`` are causes that a recent check found and no plan can fix, and ``turn`` says who must
    act on them. ``people`` are those of a plan whose reader may not approve it. ``under_way`` means that part of the plan was approved or carried out before.
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

    @property
    def begun(self) -> bool:
        """Tell whether some of it was approved or made."""
        return self.approved or self.approved_tenant or self.has_begun
