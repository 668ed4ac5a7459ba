"""Channel's mailbox as Exchange reports it."""

from __future__ import annotations

import httpx

from jobs.clouds.errors import CloudError, CloudReply, NotFound
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow

OTHERS_SIGN_IN = ("shared", "room", "equipment")
"""Mailbox types whose own account is normally blocked.

Users with permissions on such a mailbox sign in for it (facts/microsoft.md 2.1).
"""


async def mailbox_row(ctx: StepContext, cmdlet: str = "Get-Mailbox") -> ExchangeRow:
    """Return the row that the cmdlet reports for the channel's mailbox.

    Raises:
        NotFound: when the mailbox does not exist. An empty list means the same; it is not a mailbox
            with empty values.
        CloudError: when Exchange cannot be asked.
    """
    rows = await ctx.exchange.run(cmdlet, {"Identity": ctx.channel.mailbox})
    if not rows:
        raise NotFound(
            "not_found", CloudReply("exchange", httpx.codes.OK, message=f"{cmdlet}: an empty list")
        )
    return rows[0]


def own_addresses(ctx: StepContext) -> frozenset[str]:
    """Return the mailbox's own addresses, in lower case.

    Webex Connect drops mail from one of them to another (facts/connect.md 1.7).
    """
    return frozenset({ctx.channel.mailbox.lower(), ctx.fact("upn").lower()} - {""})


def is_shared(mailbox: ExchangeRow) -> bool:
    """Return whether another user signs in for this mailbox."""
    kind = lower_of(mailbox, "RecipientTypeDetails")
    return any(word in kind for word in OTHERS_SIGN_IN)


def login_name(ctx: StepContext) -> str:
    """Return the user name for an SMTP login.

    A shared mailbox is named by its address, regardless of the user that the token belongs to
    (facts/microsoft.md 2.1).
    """
    return ctx.channel.mailbox if ctx.fact("shared") else ctx.fact("upn")


async def may_be_shared(ctx: StepContext) -> bool:
    """Return whether another user may sign in for the mailbox; True if Exchange does not answer."""
    try:
        return is_shared(await mailbox_row(ctx))
    except CloudError:
        return True
