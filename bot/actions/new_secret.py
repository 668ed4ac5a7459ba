"""Button that replaces a client secret that was shown and then lost, within the same run."""

from __future__ import annotations

from bot.actions._guard import answered, finish, on_run
from bot.chat.context import ChatContext
from jobs.clock import now
from jobs.model import Finding, State, Text
from jobs.runs.run import Event, Kind, Run
from jobs.storage.vault import Sealed


@on_run
def new_secret(ctx: ChatContext, inputs: dict[str, str], run: Run) -> None:
    """Record that the client secret is lost and that a new one must be created.

    If the current plan contains a client secret, its approval covers the new one. Otherwise the run
    makes a new plan first.
    """
    key_id = run.fact("key_id")
    if not key_id or not _is_lost(ctx, run):
        ctx.refuse(Text("refused.old"), title="refused.nothing")
        return
    lost = ",".join(filter(None, (run.answer("new_secret"), key_id)))
    gone = Finding("client_secret", State.WRONG, seen=Text("seen.secret_lost"))
    events = [
        answered(ctx, "new_secret", lost),
        Event(Kind.FOUND, now(), step="client_secret", finding=gone),
    ]
    changes = run.plan.changes if run.plan else ()
    if not any(change.step == "client_secret" for change in changes):
        events.append(Event(Kind.DETAILS, now(), by=ctx.person.email, channel=run.channel))
    finish(ctx, run, *events)


def _is_lost(ctx: ChatContext, run: Run) -> bool:
    """Return whether nobody has the secret: the bot has deleted it, and it was not used."""
    used = run.answer("token_saved") or run.settled("token")
    return not used and not ctx.services.vault.holds(Sealed.CLIENT_SECRET.of(run.id))


ACTIONS = {"new_secret": new_secret}
