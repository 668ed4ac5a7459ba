"""The channel's mailbox as Exchange shows it."""

from __future__ import annotations

import httpx

from jobs.clouds.errors import CloudError, CloudReply, NotFound
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow

OTHERS_SIGN_IN = ("shared", "room", "equipment")
"""Kinds of mailbox whose own account is blocked as a rule: users with rights to it sign in for it (facts/microsoft.md 2.1)."""


async def mailbox_row(ctx: StepContext, cmdlet: str = "Get-Mailbox") -> ExchangeRow:
    """What the cmdlet says of the channel's mailbox.

    Raises:
        NotFound: there is no such mailbox; an empty list is another way to say so, and no mailbox whose values are all empty.
        CloudError: Exchange could not be asked.
    """
    rows = await ctx.exchange.run(cmdlet, {"Identity": ctx.channel.mailbox})
    if not rows:
        raise NotFound("not_found", CloudReply("exchange", httpx.codes.OK, message=f"{cmdlet}: an empty list"))
    return rows[0]


def own_addresses(ctx: StepContext) -> frozenset[str]:
    """The addresses that are the mailbox's own: Webex Connect drops a mail from one of them to another (facts/connect.md 1.7)."""
    return frozenset({ctx.channel.mailbox.lower(), ctx.fact("upn").lower()} - {""})


def is_shared(mailbox: ExchangeRow) -> bool:
    """Whether somebody else signs in for it."""
    kind = lower_of(mailbox, "RecipientTypeDetails")
    return any(word in kind for word in OTHERS_SIGN_IN)


def login_name(ctx: StepContext) -> str:
    """Whose mailbox a login by SMTP opens: a shared one is named by its address, whoever's the token is (facts/microsoft.md 2.1)."""
    return ctx.channel.mailbox if ctx.fact("shared") else ctx.fact("upn")


async def may_be_shared(ctx: StepContext) -> bool:
    """Whether somebody else may sign in for it; where Exchange does not say, it may be so."""
    try:
        return is_shared(await mailbox_row(ctx))
    except CloudError:
        return True
