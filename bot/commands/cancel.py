"""/cancel: stop a run. What is done stays, and is listed."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.glyphs import SKIPPED
from adaptive_cards.texts import say
from bot.chat.context import Talk
from bot.chat.permissions import Gate
from bot.commands import Command
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.model import Words
from jobs.runs.run import Event, Kind, Run


def run(talk: Talk, argument: str) -> None:
    """Cancel the one run of this space, or the one of the mailbox, or the run that is named."""
    open_runs = [each for each in talk.desk.store.of_space(talk.room) if not each.ended]
    wanted = [each for each in open_runs if not argument or argument.lower() in {each.channel.mailbox, each.id.lower()}]
    if len(wanted) == 1:
        cancel(talk, wanted[0])
        return
    which = "which" if wanted else "nothing"
    talk.tell(NoticeView(Words("notice.cancel_kicker"), Words(f"notice.cancel_{which}_title"), Words(f"notice.cancel_{which}_words")))


def cancel(talk: Talk, run: Run) -> None:
    """End the run, if this person takes part in it."""
    desk = talk.desk
    if not Gate(desk.bot, desk.webex).takes_part(talk.person, run):
        talk.refuse(Words("refused.not_part"))
        return
    desk.store.end(run, Event(Kind.CANCELLED, now(), by=talk.person.email))
    for secret in ("session", "secret"):
        desk.vault.drop(f"{secret}:{run.id}")
    mailbox_login.close(desk.vault, run.id)
    desk.changed(run.id)
    done = ", ".join(say(change.object) for changed in run.changed.values() if changed.done for change in changed.changes)
    words = Words("notice.cancelled_words", {"done": done or "key:notice.nothing_done"})
    title = Words("notice.cancelled_title", {"run": run.id})
    talk.tell(NoticeView(Words("notice.cancel_kicker"), title, words, glyph=SKIPPED.glyph, at=now()))


COMMAND = Command("cancel", "runs", run, "[ADDRESS]")
