"""Other ways in which mail of a mailbox may reach Webex Connect: a mail contact, or a rule.

A setup of this bot uses none of them (platforms/microsoft.md 2.2), but people do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobs.channel.connect_hosts import ConnectHosts
from jobs.clouds.errors import NotFound
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.microsoft.exchange import ExchangeRow

_INBOX = ("RedirectTo", "ForwardTo", "ForwardAsAttachmentTo")
_TRANSPORT = ("RedirectMessageTo", "BlindCopyTo", "CopyTo", "AddToRecipients")
_FOR = ("SentTo", "AnyOfToHeader", "AnyOfToCcHeader", "AnyOfRecipientAddressContainsWords")


async def through(ctx: StepContext, internal: str) -> str:
    """Return the address of Webex Connect behind an internal recipient, or an empty string.

    A mail contact has one in ExternalEmailAddress.

    Raises:
        CloudError: Exchange could not be asked.
    """
    try:
        rows = await ctx.exchange.run("Get-Recipient", {"Identity": internal})
    except NotFound:
        return ""
    names = ("ExternalEmailAddress", "PrimarySmtpAddress")
    return next(iter(_addresses(ctx, rows, names)), "")


async def redirected_to(ctx: StepContext) -> str:
    """Return the address of Webex Connect that a rule sends the mailbox's mail to, or ''.

    An inbox rule counts while it is enabled, and a mail-flow rule if it names the mailbox.

    Raises:
        CloudError: Exchange could not be asked.
    """
    return await _by_inbox_rule(ctx) or await _by_transport_rule(ctx)


async def _by_inbox_rule(ctx: StepContext) -> str:
    rules = await ctx.exchange.run("Get-InboxRule", {"Mailbox": ctx.channel.mailbox})
    enabled = [rule for rule in rules if rule.get("Enabled") is not False]
    return next(iter(_addresses(ctx, enabled, _INBOX)), "")


async def _by_transport_rule(ctx: StepContext) -> str:
    rules = await ctx.exchange.run("Get-TransportRule", {})
    mine = [rule for rule in rules if _is_in_force(rule) and _names(rule, ctx.channel.mailbox)]
    return next(iter(_addresses(ctx, mine, _TRANSPORT)), "")


def _addresses(ctx: StepContext, rows: Iterable[ExchangeRow], names: Iterable[str]) -> list[str]:
    hosts = ConnectHosts(ctx.settings.connect_hosts)
    texts = [_text(row.get(name)) for row in rows for name in names]
    return [address for text in texts for address in hosts.addresses_in(text)]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _is_in_force(rule: ExchangeRow) -> bool:
    return text_of(rule, "State").lower() != "disabled" and text_of(rule, "Mode").lower() in {
        "",
        "enforce",
    }


def _names(rule: ExchangeRow, mailbox: str) -> bool:
    return any(mailbox in _text(rule.get(name)).lower() for name in _FOR)
