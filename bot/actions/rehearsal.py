"""Rehearsing Generate Token, skipping it with a reason, and having an error explained."""

from __future__ import annotations

from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.texts import remedy_within
from bot.actions._guard import for_everybody, record
from bot.chat.context import Talk
from jobs.access import mailbox_login
from jobs.clock import now
from jobs.clouds.errors import explain
from jobs.contact_center import webex_connect
from jobs.model import Evidence, Words
from jobs.runs.run import Run
from jobs.steps import steps_of

LONGEST_REASON = 200


@for_everybody
def rehearse(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """Begin, or try again: what an earlier sign-in left is dropped."""
    for left in ("rehearsal", "rehearsal-session"):
        talk.desk.vault.drop(f"{left}:{run.id}")
    record(talk, run, "rehearse", "yes")


@for_everybody
def skip_rehearsal(talk: Talk, inputs: dict[str, str], run: Run) -> None:
    """Leave it out, with a reason on record, and keep nothing; the step ``unused_secret`` removes the bot's own secret at Microsoft."""
    reason = " ".join(inputs.get("skip_reason", "").split())[:LONGEST_REASON]
    if not reason:
        talk.refuse(Words("notice.reason_needed"), title="refused.nothing")
        return
    if "rehearsal" in steps_of(run):
        mailbox_login.close(talk.desk.vault, run.id)
        mailbox_login.forget(talk.desk.vault, run.channel.mailbox)
    record(talk, run, "rehearse", f"skip:{reason}")


def explained(talk: Talk, inputs: dict[str, str]) -> None:
    """What a pasted error means, and what to do; Microsoft's words say more than Webex Connect's code beside them."""
    pasted = inputs.get("error_text", "")
    known = [each for each in (*explain(pasted), *webex_connect.explain(pasted)) if each.cause]
    kicker = Words("notice.explained_kicker")
    if not known:
        talk.tell(NoticeView(kicker, Words("notice.unexplained_title"), Words("notice.unexplained_words"), glyph="?", at=now()))
        return
    first = known[0]
    words = Words(remedy_within(first.cause))
    evidence = tuple(Evidence(each.code, each.cause) for each in known)
    talk.tell(NoticeView(kicker, Words(f"cause.{first.cause}"), words, tone="accent", evidence=evidence, at=now()))


ANSWERS = {"rehearse": rehearse, "skip_rehearsal": skip_rehearsal, "explain": explained}
