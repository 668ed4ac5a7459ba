"""Examples of cards that offer commands as buttons, with realistic contents."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, channels
from adaptive_cards.cards.notice import Offer, offer
from jobs.model import State, Text
from tests.unit.adaptive_cards.examples import AT, MAILBOX

LONG = "customer-care-returns-and-refunds@department.contoso.com"


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    start = (Offer(Text("button.setup"), {"do": "setup"}), _check(""))
    lines = tuple(
        Text(f"understood.first_{each}", {"bot": "Email Bot"}) for each in ("setup", "check")
    )
    return {
        "offer-hello": _offer("help.kicker", "understood.hello", start),
        "offer-space": offer(
            Text("help.kicker"), Text("understood.space_title"), start, AT, lines=lines
        ),
        "offer-channels": _choice((MAILBOX, "sales@contoso.com", "it@contoso.com", LONG)),
        "offer-one-channel": _choice((MAILBOX,)),
        "offer-no-channel": _choice(()),
        "channels-four": _channels(4),
        "channels-commands": _channels(5, every=True),
        "channels-commands-one": _channels(1, every=True, direct=True),
        "channels-none-direct": _channels(0, direct=True),
    }


def _offer(kicker: str, title: str, offers: tuple[Offer, ...]) -> cards.Card:
    return offer(Text(kicker), Text(title), offers, AT)


def _check(mailbox: str) -> Offer:
    return Offer(Text("button.check"), {"do": "check", "channel": mailbox})


def _choice(mailboxes: tuple[str, ...]) -> cards.Card:
    offers = tuple(
        Offer(Text("choice.button.fix", {"value": each}), {"do": "fix", "channel": each})
        for each in mailboxes
    )
    turn = Text("choice.turn" if offers else "choice.turn_type")
    return offer(
        Text("choice.kicker"), Text("choice.title.fix"), offers, AT, turn=turn, field="fix"
    )


def _channels(count: int, **more: bool) -> cards.Card:
    lines = tuple(
        ChannelLine(
            f"mailbox-{at}@contoso.com",
            State.OK if at % 3 else State.WRONG,
            Text("channels.nothing_wrong" if at % 3 else "cause.forwarding_blocked"),
            AT,
        )
        for at in range(count)
    )
    return channels(lines, AT, **more)
