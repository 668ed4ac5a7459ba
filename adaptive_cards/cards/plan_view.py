from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.views import Header
from jobs.model import Change, Profile, Text, Turn


@dataclass(frozen=True, slots=True)
class PlanView:
    """The plan: what is ``right`` already or ``blocked``, an app made ``by_hand`` (its client id); ``closed`` says why it takes no approval.

    ``named`` is what a check found a moment ago and no plan mends, and ``turn`` whose that is. Where the run is ``under_way``, some of
    it was approved or made before.
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

    @property
    def begun(self) -> bool:
        """Tell whether some of it was approved or made."""
        return self.approved or self.approved_tenant or self.has_begun
