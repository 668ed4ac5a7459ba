"""Command /help: what the bot does here, or how one command is typed; built from the registry."""

from adaptive_cards.cards.notice import command_help, help_card, shown_name
from bot import commands
from bot.chat.context import ChatContext
from bot.chat.parsing import nearest


def run(ctx: ChatContext, argument: str) -> None:
    # The name may be of any language, with or without its slash. For a mistyped name the nearest
    # command is explained.
    name = argument.partition(" ")[0].removeprefix("/").lower()
    every = commands.by_typed_name()
    if not (near := nearest(name, every)):
        show(ctx, typed=name)
        return
    command = every[near]
    shown = shown_name(command.name)
    if not command.may(ctx):
        title, words = "help.only_approvers", "refused.next_approver"
        ctx.tell("help.kicker", title, words, {"command": f"/{shown}"})
        return
    others = tuple(other for other, each in every.items() if each is command and other != shown)
    ctx.say(command_help(command, others, _mention(ctx)))


def show(ctx: ChatContext, *, typed: str = "") -> None:
    """Show the commands that this person may run; ``typed`` is a name that no command has."""
    every = commands.commands().values()
    entries = [each for each in every if each.may(ctx)]
    left_out, typed = len(entries) < len(every), typed and f"/{typed}"
    ctx.say(help_card(entries, mention=_mention(ctx), left_out=left_out, typed=typed))


def _mention(ctx: ChatContext) -> str:
    return "" if ctx.direct else ctx.services.me.display_name


COMMAND = commands.Command("help", "more", "[COMMAND]", run=run)
