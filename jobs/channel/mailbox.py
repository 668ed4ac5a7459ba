"""Channel's mailbox as Exchange reports it."""

from __future__ import annotations

from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import lower_of
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow
from jobs.runs.run import Run

DELEGATE, SIGNED_IN = "delegate", "mailbox_sign_in"
"""Questions that name the delegate: the first asks for it, the other is the rehearsal's."""
OTHERS_SIGN_IN = ("shared", "room", "equipment")
"""Types whose own account is blocked; others sign in for it (platforms/microsoft.md 2.1)."""


async def mailbox_row(
    ctx: StepContext, cmdlet: str = "Get-Mailbox", mailbox: str = ""
) -> ExchangeRow:
    """Return the row that the cmdlet reports for the channel's mailbox, or for another one.

    Raises:
        NotFound: when the mailbox does not exist.
        CloudError: when Exchange cannot be asked.
    """
    return (await ctx.exchange.run(cmdlet, {"Identity": mailbox or ctx.channel.mailbox}))[0]


def own_addresses(ctx: StepContext) -> frozenset[str]:
    """Return addresses between which Webex Connect drops mail (platforms/connect.md 1.7)."""
    return frozenset({ctx.channel.mailbox.lower(), ctx.fact("upn").lower()} - {""})


def is_shared(mailbox: ExchangeRow) -> bool:
    kind = lower_of(mailbox, "RecipientTypeDetails")
    return any(word in kind for word in OTHERS_SIGN_IN)


def delegate_of(run: Run) -> str:
    """Return the user who signs in for the run's shared mailbox, or an empty string.

    The rehearsal's sign-in and the answer to the question for the delegate belong to this run. The
    brief has the delegate of the newest of the channel's earlier runs.
    """
    signed_in = run.answers.get(SIGNED_IN)
    named = (
        signed_in.by if signed_in else "",
        run.answer(DELEGATE),
        run.brief.delegate,
        run.channel.delegate,
    )
    return next(filter(None, named), "")


def login_of(run: Run) -> str:
    """Return the UPN of the user who signs in; empty while a delegate is not known."""
    return (run.fact("delegate") or delegate_of(run)) if run.fact("shared") else run.fact("upn")


def login_name(ctx: StepContext) -> str:
    """Return the user name for an SMTP login, which is the token's own user.

    For a shared mailbox that is the delegate. The mailbox's address is only the sender, and the
    server refuses it as a user name (platforms/microsoft.md 2.6).
    """
    return delegate_of(ctx.run) if ctx.fact("shared") else ctx.fact("upn")


def other_names(ctx: StepContext) -> tuple[str, ...]:
    """Return other user names to try after a login that was refused without a reason.

    They show which user name Webex Connect's form needs. For a shared mailbox, the other name is
    the mailbox's address, in case a server wants it after all.
    """
    return (ctx.channel.mailbox,) if ctx.fact("shared") else ()


async def may_be_shared(ctx: StepContext) -> bool:
    """Return whether another user may sign in for the mailbox; True if Exchange does not answer."""
    try:
        return is_shared(await mailbox_row(ctx))
    except CloudError:
        return True
