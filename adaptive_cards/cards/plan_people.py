"""People of the plan card if the requester may not approve: the approvers, and who has decided."""

from __future__ import annotations

from dataclasses import dataclass

from adaptive_cards.elements import Element, said
from jobs.model import Text


@dataclass(frozen=True, slots=True)
class PlanPeople:
    """People of a plan that somebody asked for in a 1:1 message without the right to approve it.

    Attributes:
        asked_by: The address of the person who asked; empty on that person's own card.
        waits_for: The addresses of the approvers who got the plan 1:1; empty if nothing is left to
            approve.
        unreachable: The addresses of approvers to whom Webex delivers no message.
        decided: A line for each approval, with who gave it and when.
        may_approve: Whether the card is an approver's, and so has the buttons.
    """

    asked_by: str = ""
    waits_for: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    decided: tuple[Text, ...] = ()
    may_approve: bool = False


def lines(people: PlanPeople | None) -> list[Element]:
    if people is None:
        return []
    return [said(words, spacing="Small") for words in _texts(people)]


def _texts(people: PlanPeople) -> list[Text]:
    found = list(people.decided)
    if people.asked_by:
        found.append(Text("plan.asked_by", {"who": people.asked_by}))
    if people.waits_for:
        found.append(Text("plan.waits_for", {"who": ", ".join(people.waits_for)}))
    if people.unreachable:
        found.append(Text("plan.unreachable", {"who": ", ".join(people.unreachable)}))
        found += [] if people.waits_for else [Text("plan.nobody_reached")]
    return found


def may_press(people: PlanPeople | None) -> bool:
    return people is None or people.may_approve
