"""Presses of buttons on the cards of a run, and their effects, for the tests of actions."""

from contextlib import suppress
from dataclasses import replace

from bot.chat.context import AnsweredError, RefusedError
from bot.commands import actions
from jobs.runs.run import Kind

RIGHT = {
    "callback_url": "https://uk.webexconnect.io/callback",
    "forwarding_address": "x1@mail.webexconnect.io",
}


def carry_out(ctx, act, *given) -> None:
    """Carry out a command or a press. Any error but a refusal is raised."""
    with suppress(AnsweredError):
        try:
            act(ctx, *given)
        except RefusedError as refused:
            refused.answer(ctx)


def press(ctx, do: str, **inputs: str):
    """Press a card's button with this verb and these inputs, and return its run afterward."""
    carry_out(ctx, actions()[do], {"do": do, **inputs})
    return next(ctx.services.store.known([inputs.get("run", "")]), None)


def other(ctx, name: str, **more):
    """Return the context of another person, who may be in another place."""
    return replace(ctx, person=replace(ctx.person, id=name, email=f"{name}@example.test"), **more)


def of_bot(ctx, **settings):
    """Return the context of a bot with these settings."""
    return replace(ctx, services=replace(ctx.services, bot=replace(ctx.services.bot, **settings)))


def told(ctx, run) -> list[tuple[str, dict[str, str]]]:
    """Return the events that people caused in a run."""
    return [
        (str(e.kind), e.data)
        for e in ctx.services.store.events(run.id)[2:]
        if e.kind not in {Kind.SIGNED_IN, Kind.PLANNED, Kind.FOUND}
    ]


def queued(ctx) -> set[str]:
    """Return the jobs that wait for a worker."""
    return {
        f"{job.func_name} {job.args[0]}"
        for job in (*ctx.services.runs.queue.jobs, *ctx.services.cards.queue.jobs)
    }
