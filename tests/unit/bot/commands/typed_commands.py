"""Typed commands and the bot's answers, for the tests of commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.chat.context import ChatContext
from bot.commands import commands
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind, Run

MAILBOX = "support@contoso.com"


def type_(ctx: ChatContext, name: str, argument: str = "") -> None:
    """Type a command with this argument."""
    commands()[name].run(ctx, argument)


def cards(webex_script: Any) -> str:
    """Return the text of everything that the bot has posted."""
    return str(
        [
            body
            for method, path, body in webex_script.asked
            if method == "POST" and path == "/messages"
        ]
    )


def pressed(webex_script: Any) -> list[dict[str, str]]:
    """Return the data that the buttons of the bot's last card send."""
    card = next(
        body
        for method, path, body in reversed(webex_script.asked)
        if method == "POST" and path == "/messages"
    )
    return list(_data(card["attachments"]))


def _data(node: Any) -> Iterator[dict[str, str]]:
    if isinstance(node, dict) and "data" in node:
        yield node["data"]
    for inner in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _data(inner)


def begun(ctx: ChatContext) -> list[Run]:
    """Return the runs that a worker will work on."""
    runs = {
        job.args[0]
        for job in ctx.services.runs.queue.jobs
        if job.func_name == "jobs.advance.advance"
    }
    return [ctx.services.store.load(run) for run in sorted(runs)]


def proven(ctx: ChatContext) -> Run:
    """Connect the mailbox, and return the finished setup."""
    run = ctx.services.store.open(
        Channel(MAILBOX, "https://a.b/callback", "x@y.z"),
        ctx.asker,
        replace(ctx.origin, message="typed-0"),
    )
    ctx.services.store.end(run, Event(Kind.FINISHED, now()))
    return ctx.services.store.load(run.id)
