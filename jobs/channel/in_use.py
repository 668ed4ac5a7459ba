"""Other channels that have an address or an app of the run's channel, for the people who approve.

Two channels with one Forwarding Address end in one queue, and a shared app changes for both.
"""

from __future__ import annotations

from jobs.engine.context import StepContext
from jobs.model import Channel, Evidence
from jobs.runs.channel_index import Record
from jobs.runs.run import RunGoneError

ADDRESS_IN_USE = "address_in_use"
"""Kind of the evidence that names another channel with one of the two mail addresses."""
APP_IN_USE = "app_in_use"
"""Kind of the evidence that names another channel with the same app."""


def channels_with_address(ctx: StepContext) -> tuple[Evidence, ...]:
    """Return other channels with one of the mail addresses, if this run makes a plan."""
    own = _addresses(ctx.channel)
    return tuple(
        Evidence(ADDRESS_IN_USE, record.channel.mailbox)
        for record in _others(ctx)
        if own & _addresses(record.channel)
    )


def channels_with_app(ctx: StepContext, client_id: str) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(APP_IN_USE, record.channel.mailbox)
        for record in _others(ctx)
        if _client_id(ctx, record.run).lower() == client_id.lower()
    )


def _others(ctx: StepContext) -> list[Record]:
    connected = ctx.channels.connected() if ctx.looking else ()
    return [each for each in connected if each.channel.mailbox != ctx.channel.mailbox]


def _addresses(channel: Channel) -> set[str]:
    return {channel.mailbox, channel.forwarding_address.lower()} - {""}


def _client_id(ctx: StepContext, run_id: str) -> str:
    try:
        return ctx.store.load(run_id).fact("client_id")
    except RunGoneError:
        return ""
