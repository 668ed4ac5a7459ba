"""Examples of explained errors in every state, with realistic contents and with hostile ones."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine
from adaptive_cards.cards.notice import CauseLine, ExplanationView, UnknownLine, explanation
from jobs.causes.cause import page_of
from jobs.model import State, Text, Turn, minute_of
from tests.unit.adaptive_cards.examples import AT, MAILBOX

FIXED = Text("superseded.fixed", {"run": "7Q4K", "at": minute_of(AT), "by": "rita@contoso.com"})
PAGE = "https://login.microsoftonline.com/error?code=7999999"


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    refused, owner = Text("cause.smtp_token_refused"), Text("cause.wrong_mailbox_user")
    page = page_of("wrong_mailbox_user")
    other = CauseLine(owner, Text("tell.wrong_mailbox_user"), page)
    known = ExplanationView(
        refused,
        Text("remedy.smtp_token_refused"),
        Turn.MAILBOX_USER,
        AT,
        code="535 5.7.3",
        known=True,
        certain=(CauseLine(Text("cause.send_as_denied")),),
        possible=(other, CauseLine(Text("cause.scope_wrong"), Text("tell.scope_wrong"))),
        checks=(MAILBOX, "sales@contoso.com"),
        cut=True,
        page=page_of("smtp_token_refused"),
        channels=(ChannelLine(MAILBOX, State.OK, FIXED, AT),),
    )
    busy = ExplanationView(
        Text("cause.entra_busy"), Text("remedy.entra_busy"), Turn.TIME, AT, known=True
    )
    opened = ExplanationView(
        Text("explain.open_title"),
        Text("explain.open_turn"),
        Turn.REQUESTER,
        AT,
        open=True,
        possible=(other,) * 8,
        checks=(MAILBOX,),
    )
    unknown = ExplanationView(
        Text("explain.unknown_title"),
        Text("explain.unknown_turn"),
        Turn.REQUESTER,
        AT,
        unknown=(
            UnknownLine("AADSTS7999999", "AADSTS7999999: <b>a</b> [thing](https://x) ${y}", PAGE),
            UnknownLine("550 5.7.606", "x" * 2000),
        ),
    )
    nothing = ExplanationView(
        Text("explain.empty_title"), Text("explain.empty_turn"), Turn.REQUESTER, AT
    )
    return {
        f"explanation-{name}": explanation(view)
        for name, view in {
            "known": known,
            "busy": busy,
            "open": opened,
            "unknown": unknown,
            "nothing": nothing,
        }.items()
    }
