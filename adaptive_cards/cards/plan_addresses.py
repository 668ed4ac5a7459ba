"""Part of the plan's card with values that no change shows: addresses, foreign hosts, grants.

These values decide where mail and sign-ins go, so they are never shortened.
"""

from __future__ import annotations

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, submit
from adaptive_cards.cards.plan_view import Address, ForeignHosts, PlanView
from adaptive_cards.components import box, note, titled
from adaptive_cards.elements import SMALL, Element, literal, own, said
from adaptive_cards.glyphs import marked
from adaptive_cards.texts import plural
from jobs.model import Text


def addresses(view: PlanView) -> list[Element]:
    return titled("plan.addresses", [line for each in view.addresses for line in _lines(each)])


def _lines(address: Address) -> list[Element]:
    lines = [own(address.key, **SMALL, spacing="Small"), literal(address.value, spacing="None")]
    if address.other:
        lines += [own("plan.other_spelling", **SMALL, spacing="None")]
        lines += [literal(address.other, spacing="None")]
    if address.letters:
        letters = Text("plan.letters", {"letters": address.letters})
        lines.append(marked(glyphs.WARNING, said(letters)))
    return lines


def granted(view: PlanView) -> list[Element]:
    if view.consent is None:
        return []
    mark = glyphs.WARNING if view.for_all else glyphs.OK
    return [marked(mark, said(view.consent), spacing="Medium")]


def foreign(view: PlanView) -> list[Element]:
    """Return the warning about hosts that are not Webex Connect's, with its own button.

    After the confirmation, the warning shows who confirmed the hosts.
    """
    if view.foreign is None:
        return []
    title = said(Text("plan.foreign", {"count": str(len(view.foreign.hosts))}), weight="Bolder")
    lines = [
        line
        for host, what in view.foreign.hosts
        for line in (literal(host, spacing="Small"), note(what))
    ]
    return [box("warning", glyphs.WARNING, title, *lines, *_confirmed(view, view.foreign))]


def _confirmed(view: PlanView, found: ForeignHosts) -> list[Element]:
    """Return the line with who confirmed the hosts, or the button that confirms them.

    The list is empty if nobody has confirmed them and a press would have no effect.
    """
    if found.confirmed is not None:
        return [said(found.confirmed, spacing="Small")]
    if not view.waits_for_hosts or not view.is_open:
        return []
    button = submit(
        plural("button.confirm_hosts", len(found.hosts)),
        "confirm_hosts",
        run=view.header.run,
        plan=view.plan_id,
    )
    return [own("plan.foreign_next", spacing="Small"), buttons(button, spacing="Small")]
