"""Examples of the cards about watched channels, in every state."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import adaptive_cards as cards
from adaptive_cards.cards.channels import ChannelLine, WatchListView
from adaptive_cards.cards.watch import IncidentLook, IncidentView
from jobs.model import State, Text, Turn, minute_of, span_of, verbatim

AT = datetime(2026, 11, 27, 3, 15, tzinfo=UTC)
MAILBOX = "support@contoso.com"
HOSTILE = "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` " + "x" * 5000
BROKEN = IncidentView(
    "CARD12345678",
    IncidentLook.BROKEN,
    Text("watch.title_broken", {"mailbox": MAILBOX}),
    (MAILBOX,),
    Text("cause.smtp_auth_off_for_mailbox"),
    Turn.APPROVER,
    AT,
    Text("remedy.smtp_auth_off_for_mailbox"),
    (
        ("watch.row_since", Text("time.at", {"at": minute_of(AT)})),
        ("watch.row_mails", Text("watch.mails", {"late": "12", "bounced": "3"})),
        ("watch.row_acting", Text("watch.acting_nobody")),
    ),
    ((AT, Text("watch.change_began")),),
    fix=("fix.smtp_auth", {"do": "fix", "channel": MAILBOX}),
    effect=Text("effect.answer"),
)
CHANGES = tuple((AT + timedelta(hours=n), Text("watch.change_flaps")) for n in range(12))
MANY = replace(
    BROKEN,
    title=Text("watch.many_broken", {"count": "30"}),
    mailboxes=tuple(f"box{number}@contoso.com" for number in range(30)),
    changes=(),
    fix=None,
)
TEST_MAIL = (
    "watch.row_test_mail",
    Text("watch.only_test_mail", {"at": minute_of(AT), "where": "key:watch.stops_forward"}),
)
PAGE = ("fix.generate_token", "https://uk.webexconnect.io")


def examples() -> dict[str, cards.Card]:
    """Return the example cards, by a name that says the state."""
    states = {
        IncidentLook.BLIND: Turn.ADMINISTRATOR,
        IncidentLook.FLAPS: Turn.APPROVER,
        IncidentLook.ENDED: Turn.NOBODY,
        IncidentLook.UNWATCHED: Turn.NOBODY,
    }
    return {
        "incident-broken": cards.incident(BROKEN),
        **{
            f"incident-{look}": cards.incident(
                replace(
                    BROKEN,
                    look=look,
                    turn=turn,
                    title=Text(f"watch.title_{look}", {"mailbox": MAILBOX}),
                    changes=CHANGES,
                    acts=False,
                )
            )
            for look, turn in states.items()
        },
        "incident-page": cards.incident(
            replace(BROKEN, turn=Turn.MAILBOX_USER, fix=None, page=PAGE)
        ),
        "incident-direct": cards.incident(replace(BROKEN, direct=True)),
        "incident-time": cards.incident(replace(BROKEN, turn=Turn.TIME, remedy=None, fix=None)),
        "incident-many": cards.incident(MANY),
        "incident-many-fixes": cards.incident(
            replace(
                MANY, fix=("watch.fix_each", {"do": "watch_fix", "card": MANY.card}), acts=False
            )
        ),
        "incident-test-mail": cards.incident(
            replace(BROKEN, fix=None, turn=Turn.ADMINISTRATOR, rows=(*BROKEN.rows[:1], TEST_MAIL))
        ),
        "hostile-incident": cards.incident(
            replace(BROKEN, mailboxes=(HOSTILE, HOSTILE), cause=verbatim(HOSTILE))
        ),
        **_lists(),
    }


def _lists() -> dict[str, cards.Card]:
    well = ChannelLine(
        MAILBOX,
        State.OK,
        Text("watch.line_healthy", {"interval": span_of(timedelta(minutes=15))}),
        AT,
        Text("watch.unseen_both"),
    )
    partly = Text("watch.line_partly", {"interval": span_of(timedelta(minutes=15))})
    paused = Text("watch.line_paused", {"until": minute_of(AT)})
    lines = (
        well,
        replace(well, state=State.WRONG, words=Text("cause.not_forwarded")),
        replace(well, state=State.UNKNOWN, unseen=None),
        replace(
            well,
            state=State.WARNING,
            words=Text("watch.line_suspected", {"interval": span_of(timedelta(hours=1))}),
        ),
        ChannelLine("new@contoso.com", State.WAITING, paused),
    )
    return {
        "watch-list": cards.watch_list(WatchListView(lines, ("b@contoso.com",), AT, "22:00-07:00")),
        "watch-list-well": cards.watch_list(WatchListView((replace(well, unseen=None),), (), AT)),
        "watch-list-partly": cards.watch_list(
            WatchListView((replace(well, state=State.WARNING, words=partly),), (), AT)
        ),
        "watch-list-none": cards.watch_list(WatchListView((), (), AT)),
        "watch-list-long": cards.watch_list(WatchListView(lines * 9, (MAILBOX,) * 30, AT)),
        "hostile-watch-list": cards.watch_list(
            WatchListView((replace(well, mailbox=HOSTILE),), (HOSTILE,), AT)
        ),
    }
