"""Button that names the user who signs in for a shared mailbox."""

from __future__ import annotations

from bot.actions._guard import answered, finish, on_run
from bot.chat.context import ChatContext
from jobs.channel.form import LONGEST, InvalidInputError, read_address
from jobs.channel.mailbox import DELEGATE
from jobs.clock import now
from jobs.model import Text
from jobs.runs.run import Event, Kind, Run
from jobs.steps import delegate


@on_run
def name_delegate(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Save the address of the user who signs in, and let the run look again with it.

    An address that cannot be read is kept on the card with the reason.
    """
    if not delegate.needs_delegate(run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    typed = inputs.get("delegate", "")
    try:
        address = read_address(typed)
    except InvalidInputError as wrong:
        data = {"question": DELEGATE, "cause": wrong.fault, "code": typed.strip()[:LONGEST]}
        problem = Event(Kind.PROBLEM, now(), by=ctx.person.email, data=data)
        ctx.services.store.append(run.id, problem)
        ctx.services.cards.request(run.id)
        return
    looks = Event(Kind.LOOK_AGAIN, now(), by=ctx.person.email)
    finish(ctx, run, looks, answered(ctx, DELEGATE, address))


ACTIONS = {"delegate": name_delegate}
