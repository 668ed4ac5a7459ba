"""Examples of explained errors in every state, with realistic contents and with hostile ones."""

from __future__ import annotations

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, channel_row
from bot.chat.explanation import explanation
from jobs.causes.meaning import Certainty, FoundCause, Reading, UnknownCode
from jobs.model import State, Text, minute_of
from tests.unit.adaptive_cards.examples import AT, MAILBOX

FIXED = Text("superseded.fixed", {"run": "7Q4K", "at": minute_of(AT), "by": "rita@contoso.com"})
PAGE = "https://login.microsoftonline.com/error?code=7999999"


def _read(code: str, *causes: str, cut: bool = False) -> Reading:
    """Return a reading of causes; those after the first two are possible ones."""
    found = (FoundCause(each, code) for each in causes[:2])
    others = (FoundCause(each, "", Certainty.POSSIBLE) for each in causes[2:])
    return Reading(ours=True, causes=(*found, *others), cut=cut)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    causes = ("smtp_token_refused", "send_as_denied", "wrong_mailbox_user", "scope_wrong")
    row = channel_row(ChannelLine(MAILBOX, State.OK, FIXED, AT))
    opened = FoundCause("wrong_mailbox_user", "", Certainty.POSSIBLE)
    unknown = (
        UnknownCode("AADSTS7999999", "AADSTS7999999: <b>a</b> [thing](https://x) ${y}", PAGE),
        UnknownCode("550 5.7.606", "x" * 2000),
    )
    checks = (MAILBOX, "sales@contoso.com")
    return {
        "explanation-known": explanation(
            _read("535 5.7.3", *causes, cut=True), AT, checks=checks, channels=[row]
        ),
        "explanation-busy": explanation(_read("AADSTS90033", "entra_busy"), AT),
        "explanation-open": explanation(
            Reading(ours=True, causes=(opened,) * 8), AT, checks=(MAILBOX,)
        ),
        "explanation-unknown": explanation(Reading(ours=True, unknown=unknown), AT),
        "explanation-nothing": explanation(None, AT),
        "explanation-channel": explanation(None, AT, checks=(MAILBOX,), channels=[row]),
    }
