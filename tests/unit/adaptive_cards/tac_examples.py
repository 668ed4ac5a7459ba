"""Examples of the cards of a case for Cisco TAC, in every state and with realistic contents."""

from __future__ import annotations

from datetime import UTC, datetime

import adaptive_cards as cards
from adaptive_cards.cards.search import SearchView
from adaptive_cards.views import CheckLine
from jobs.model import Access, State, Text, verbatim

AT = datetime(2026, 11, 25, 14, 5, tzinfo=UTC)
MAILBOX = "support@contoso.com"
NAME = "tac-support-contoso-com-20261125-1405Z.zip"
FILES = ("summary.md", "findings.md", "smtp-transcript.txt", "findings.json", "history.json")
QUEUE = (
    CheckLine("QU", Text("step.contact_queue"), State.OK, Access.NONE, Text("seen.no_waiting")),
)
HOSTILE = (
    "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` "
    + "x" * 5000
    + "\u05d0\u05d1" * 50
)


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    files = {
        "tac-file": cards.tac_file(
            MAILBOX,
            NAME,
            (*FILES, "screenshot.png"),
            AT,
            resource_id="a_638211456712345678",
            transaction_id="2c8ad0a4-88aa-4a43-b31b-b46d",
        ),
        "tac-file-bare": cards.tac_file(MAILBOX, NAME, FILES, AT, checked=False),
        "hostile-tac-file": cards.tac_file(
            HOSTILE, HOSTILE, FILES, AT, resource_id=HOSTILE, transaction_id=HOSTILE
        ),
    }
    guides = {
        "tac": cards.tac(MAILBOX, AT),
        "tac-direct": cards.tac(MAILBOX, AT, direct=True),
        "hostile-tac": cards.tac(HOSTILE, AT),
    }
    lost = Text("seen.watch_mail_lost_forward", {"at": "second:2026-11-25T14:03:00+00:00"})
    off = Text("cause.connect_flow_not_live"), Text("remedy.connect_flow_not_live")
    searches = {
        "search-unread": SearchView(MAILBOX, AT, "unread", 1, 5, sign_in_url="https://x.example/s"),
        "search-mail": SearchView(MAILBOX, AT, "mail", 2, 5, lines=QUEUE, sends=True),
        "search-mail-followed": SearchView(MAILBOX, AT, "mail", 2, 5, mail=lost),
        "search-connect": SearchView(MAILBOX, AT, "connect", 3, 5, told=off),
        "search-agent": SearchView(MAILBOX, AT, "agent", 4, 5, lines=QUEUE),
        "hostile-search": SearchView(
            HOSTILE, AT, "agent", 4, 5, told=(verbatim(HOSTILE), verbatim(HOSTILE))
        ),
    }
    drawn = {name: cards.search(view) for name, view in searches.items()}
    return drawn | guides | files
