"""Typed commands and the bot's answers, for the tests of commands."""

from dataclasses import replace

from bot.commands import commands
from jobs.clock import now
from jobs.model import Channel
from jobs.runs.run import Event, Kind
from practice.webex.cards import parts
from tests.unit.bot.actions.presses import carry_out

MAILBOX = "support@contoso.com"


def type_(ctx, name: str, argument: str = "") -> None:
    """Type a command with this argument."""
    carry_out(ctx, commands()[name].run, argument)


def cards(webex_script) -> str:
    """Return the text of everything that the bot has posted."""
    return str(sent(webex_script))


def sent(webex_script, method: str = "POST", path: str = "/messages"):
    """Return the bodies of the bot's requests so far, of messages if no path is given."""
    return [body for verb, where, body in webex_script.asked if (verb, where) == (method, path)]


def pressed(webex_script) -> list[dict[str, str]]:
    """Return the data that the buttons of the bot's last card send."""
    card = sent(webex_script)[-1]["attachments"][0]["content"]
    return [part["data"] for part in parts(card) if "data" in part]


def begun(ctx):
    """Return the runs that a worker will work on."""
    runs = {
        job.args[0]
        for job in ctx.services.runs.queue.jobs
        if job.func_name == "jobs.advance.advance"
    }
    return [ctx.services.store.load(run) for run in sorted(runs)]


def proven(ctx):
    """Connect the mailbox, and return the finished setup."""
    run = ctx.services.store.open(
        Channel(MAILBOX, "https://a.b/callback", "x@y.z"),
        ctx.asker,
        replace(ctx.origin, message="typed-0"),
    )
    ctx.services.store.end(run, Event(Kind.FINISHED, now()))
    return ctx.services.store.load(run.id)
