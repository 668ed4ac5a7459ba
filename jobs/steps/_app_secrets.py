"""Client secrets of the mailbox's app: their names, their expiry, and their removal after use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from jobs.channel.email_app import SECRETS, app_of_run, find_app, foreign_secrets, secrets_of
from jobs.clock import now, parse
from jobs.clouds.errors import NotFound
from jobs.clouds.json_values import text_of
from jobs.engine.context import StepContext
from jobs.microsoft.graph_requests import promised
from jobs.runs.run import Event, Kind

PREFIX = "Webex Connect "
LOST = "new_secret"
"""Question whose answer is the comma-separated key ids of secrets that were shown and then lost."""
LOOKS_S = (0.0, 1, 2, 4)
"""Pauses, in seconds, between looks for a secret whose answer a killed worker never got."""


def label_of(run_id: str) -> str:
    """Return the name of the run's secret, whose run id finds it again."""
    return f"{PREFIX}{run_id}"


def manually_created(app: dict[str, Any] | None) -> bool:
    """Return whether a person made a valid secret, which Webex Connect may have."""
    return any(end_of(secret) >= now() for secret in foreign_secrets(app))


def earlier(ctx: StepContext, app: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the secrets of earlier runs of this mailbox, and never a person's."""
    labels = {
        label_of(run.id)
        for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)
        if run.id != ctx.run.id
    }
    return _with_labels(app, labels)


def is_persons(ctx: StepContext, secret: dict[str, Any]) -> bool:
    """Return whether no run, and no check, gave the secret its name."""
    name = text_of(secret, "displayName")
    runs = {run.id for run in ctx.store.runs_of_mailbox(ctx.channel.mailbox)} | {ctx.run.id}
    return not name.startswith(SECRETS[1:]) and name not in set(map(label_of, runs))


def tries(ctx: StepContext, step: str) -> int:
    """Return how often, with this time, the run began the change since the last request."""
    return sum(
        event.kind is Kind.CHANGING and event.step == step for event in _events_since_asked(ctx)
    )


def _events_since_asked(ctx: StepContext) -> list[Event]:
    asked = ctx.run.answers.get(LOST)
    return [
        event for event in ctx.store.events(ctx.run.id) if asked is None or event.at >= asked.at
    ]


def lost(ctx: StepContext) -> set[str]:
    return set(filter(None, ctx.run.answer(LOST).split(",")))


def unrecorded(ctx: StepContext, app: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return valid secrets of runs that Redis has lost, which nobody can show again."""
    return [
        secret
        for secret in secrets_of(app)
        if text_of(secret, "displayName").startswith(PREFIX)
        and end_of(secret) >= now()
        and not ctx.store.length(text_of(secret, "displayName").removeprefix(PREFIX))
    ]


def described(secret: dict[str, Any]) -> str:
    """Return the secret's name, its first characters as Microsoft shows them, and its first day."""
    made = parse(secret.get("startDateTime"))
    facts = (
        f"begins with {text_of(secret, 'hint')}" if text_of(secret, "hint") else "",
        f"of {made:%Y-%m-%d}" if made else "",
    )
    more = ", ".join(filter(None, facts))
    return f'"{text_of(secret, "displayName")}"{f" ({more})" if more else ""}'


async def remove_orphans(
    ctx: StepContext, pauses: tuple[float, ...], is_orphan: Callable[[dict[str, Any]], bool]
) -> None:
    """Remove secrets that nobody can use as soon as some are found, after these pauses."""
    for pause in pauses:
        await asyncio.sleep(pause)
        orphans = list(filter(is_orphan, secrets_of(await find_app(ctx))))
        await remove(ctx, orphans)
        if orphans:
            return


async def remove(ctx: StepContext, secrets: list[dict[str, Any]]) -> None:
    """Remove these secrets; one that is already gone counts as removed."""
    for secret in secrets:
        with suppress(NotFound):
            await ctx.graph.remove_password(ctx.fact("object_id"), promised(secret, "keyId"))


async def labelled(ctx: StepContext, labels: Collection[str]) -> list[dict[str, Any]]:
    return _with_labels(await app_of_run(ctx), labels)


def _with_labels(app: dict[str, Any] | None, labels: Collection[str]) -> list[dict[str, Any]]:
    return [secret for secret in secrets_of(app) if secret.get("displayName") in labels]


def end_of(secret: dict[str, Any]) -> datetime:
    """Return the secret's expiry; an unreadable one is far away, so it causes no renewal."""
    return parse(secret.get("endDateTime")) or datetime.max.replace(tzinfo=UTC)
