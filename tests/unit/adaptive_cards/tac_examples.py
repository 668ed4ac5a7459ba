"""Examples of the cards of a case for Cisco TAC, in every state and with realistic contents."""

from __future__ import annotations

from datetime import UTC, datetime

import adaptive_cards as cards
from adaptive_cards.cards.notice import tac, tac_file
from adaptive_cards.texts import text
from bot.cards.presenters.search import search
from jobs.model import Access, State, Text, verbatim
from tests.unit.adaptive_cards.examples import HOSTILE
from tests.unit.adaptive_cards.verdict_lines import line

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
MAILBOX = "support@contoso.com"
NAME = "tac-support-contoso-com-20261125-1405Z.zip"
FILES = ("summary.md", "findings.md", "smtp-transcript.txt", "findings.json", "history.json")
QUEUE = (line("QU", text("step.contact_queue"), State.OK, Access.NONE, Text("seen.no_waiting")),)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    files = {
        "tac-file": tac_file(
            MAILBOX,
            NAME,
            (*FILES, "screenshot.png"),
            AT,
            resource_id="a_638211456712345678",
            transaction_id="2c8ad0a4-88aa-4a43-b31b-b46d",
        ),
        "tac-file-bare": tac_file(MAILBOX, NAME, FILES, AT, checked=False),
        "hostile-tac-file": tac_file(
            HOSTILE, HOSTILE, FILES, AT, resource_id=HOSTILE, transaction_id=HOSTILE
        ),
    }
    guides = {
        "tac": tac(MAILBOX, AT),
        "tac-direct": tac(MAILBOX, AT, direct=True),
        "hostile-tac": tac(HOSTILE, AT),
    }
    lost = Text("seen.watch_mail_lost_forward", {"at": "second:2026-11-25T14:03:00+00:00"})
    off = Text("cause.connect_flow_not_live"), Text("remedy.connect_flow_not_live")
    searches = {
        "search-unread": search(MAILBOX, AT, "unread", 1, 5, sign_in_url="https://x.example/s"),
        "search-mail": search(MAILBOX, AT, "mail", 2, 5, lines=QUEUE, sends=True),
        "search-mail-followed": search(MAILBOX, AT, "mail", 2, 5, mail=lost),
        "search-connect": search(MAILBOX, AT, "connect", 3, 5, told=off),
        "search-agent": search(MAILBOX, AT, "agent", 4, 5, lines=QUEUE),
        "hostile-search": search(
            HOSTILE, AT, "agent", 4, 5, told=(verbatim(HOSTILE), verbatim(HOSTILE))
        ),
    }
    return searches | guides | files
