"""The buttons of the verdict and of the channel list."""

from __future__ import annotations

from bot.chat import permissions
from bot.chat.context import Talk
from bot.commands import check, fix, tac
from jobs.model import Words
from jobs.probes.connect_send import ASKED


def check_again(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/check`` had been typed."""
    check.run(talk, inputs.get("channel", ""))


def mend(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/fix`` had been typed."""
    fix.run(talk, inputs.get("channel", ""))


def missing(talk: Talk, inputs: dict[str, str]) -> None:
    """As if ``/tac`` had been typed: the way on where a check does not help."""
    tac.run(talk, inputs.get("channel", ""))


def connect_test(talk: Talk, inputs: dict[str, str]) -> None:
    """A check that sends one mail through Webex Connect, to the person who asks for it; pressed, and never done by itself."""
    mailbox = inputs.get("channel", "")
    if mailbox not in permissions.known(talk):
        talk.refuse(Words("notice.unknown_channel_words"), title="refused.nothing")
    elif talk.person.email.lower() == mailbox:
        talk.refuse(Words("refused.to_itself"), title="refused.nothing")
    else:
        check.begin(talk, mailbox, **{ASKED: talk.person.email})


ANSWERS = {"check": check_again, "fix": mend, "missing": missing, "connect_test": connect_test}
