"""Examples of the cards about watched channels, in every state: lists, incidents and histories."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.cards.presenters import watch
from bot.cards.presenters.card_state import THREAD
from bot.cards.presenters.lists import ChannelLine, watch_list
from bot.links import Link
from jobs.model import Channel, Person, State, Station, Text, Turn, every_of, minute_of
from jobs.watch.history import DayFigures, DayState, Figures
from jobs.watch.model import Damage, Incident, IncidentCard, News, NewsKind, Sight

AT = datetime(2026, 11, 27, 3, 15, tzinfo=UTC)
MAILBOX = "support@contoso.com"
HOSTILE = "[Approve](https://evil.example) **now** ${env} \r\n\u202e_x_ <b> `code` " + "x" * 5000
CARD = IncidentCard("CARD12345678", "room", Person("rita", "rita@contoso.com"))
CHANNEL = Channel(MAILBOX, callback_url="https://uk.webexconnect.io/callback")
BROKEN = Incident(
    Sight.BROKEN,
    "smtp_auth_off_for_mailbox",
    id="INCIDENT0001",
    mailbox=MAILBOX,
    room="room",
    since=AT - timedelta(minutes=20),
    noticed=AT - timedelta(minutes=5),
    confirmed=AT,
    step="smtp_auth",
    station=Station.ANSWER,
    turn=Turn.APPROVER,
    fix="fix.smtp_auth",
    damage=Damage(12, 3, AT),
    news=(News(NewsKind.BEGAN, AT, "smtp_auth_off_for_mailbox"),),
)
FLAPS = tuple(News(NewsKind.FLAPS, AT + timedelta(hours=n)) for n in range(12))
END = AT + timedelta(hours=2)
ENDED = replace(BROKEN, ended=END, news=(*FLAPS, News(NewsKind.RECOVERED, END)))
UNWATCHED = replace(ENDED, news=(*BROKEN.news, News(NewsKind.UNWATCHED, END)))
ACTED_ON = {"acting": "carl@contoso.com", "acting_since": AT, "told": ("otto@contoso.com",)}
TOKEN = {"cause": "smtp_token_refused", "fix": "fix.generate_token", "turn": Turn.MAILBOX_USER}
MANY = [replace(BROKEN, mailbox=f"box{number}@contoso.com") for number in range(30)]


def incident(incidents, card=CARD, to=THREAD):
    """Return the card of these incidents."""
    shown = [incidents] if isinstance(incidents, Incident) else incidents
    return watch.incident(card, shown, CHANNEL, to)


def examples():
    """Return the example cards, by a name that says the state."""
    blind = replace(BROKEN, sight=Sight.CANNOT_LOOK, cause="app_access_withdrawn", station=None)
    counting = replace(CARD, shared="tenant", counts=True)
    return {
        "incident-broken": incident(BROKEN),
        "incident-blind": incident(replace(blind, turn=Turn.ADMINISTRATOR, **ACTED_ON)),
        "incident-flaps": incident(replace(BROKEN, flaps=12, news=FLAPS, **ACTED_ON)),
        "incident-ended": incident(ENDED),
        "incident-fixed": incident(replace(ENDED, fixed_by="7Q4K")),
        "incident-unwatched": incident(UNWATCHED),
        "incident-page": incident(replace(BROKEN, **TOKEN)),
        "incident-direct": incident(BROKEN, to="otto@contoso.com"),
        "incident-direct-ended": incident(ENDED, to="otto@contoso.com"),
        "incident-time": incident(replace(BROKEN, turn=Turn.TIME, cause="x", fix="")),
        "incident-many": incident([replace(each, fix="") for each in MANY]),
        "incident-many-fixes": incident([replace(MANY[0], **ACTED_ON), *MANY[1:]]),
        "incident-many-ended": incident([replace(each, ended=END) for each in MANY]),
        "incident-counts": incident(MANY, counting),
        "incident-counts-one": incident(BROKEN, counting),
        "incident-test-mail": incident(
            replace(BROKEN, step="watch_mail", fix="", station=Station.FORWARD)
        ),
        "hostile-incident": incident(
            [replace(BROKEN, mailbox=name, acting=HOSTILE) for name in (HOSTILE, "a" + HOSTILE)]
        ),
        **_lists(),
        **_histories(),
    }


def _lists():
    well = ChannelLine(
        MAILBOX,
        State.OK,
        Text("watch.line_healthy", {"interval": every_of(timedelta(minutes=15))}),
        AT,
        Text("watch.unseen_app_login"),
    )
    partly = Text("watch.line_partly", {"interval": every_of(timedelta(minutes=15))})
    paused = Text("watch.line_paused", {"until": minute_of(AT)})
    lines = (
        well,
        replace(well, state=State.WRONG, words=Text("cause.not_forwarded")),
        replace(well, state=State.UNKNOWN, unseen=None),
        replace(
            well,
            state=State.WARNING,
            words=Text("watch.line_suspected", {"interval": every_of(timedelta(hours=1))}),
        ),
        ChannelLine("new@contoso.com", State.WAITING, paused),
    )
    return {
        "watch-list": watch_list(lines, ("b@contoso.com",), AT, "22:00-07:00"),
        "watch-list-well": watch_list((replace(well, unseen=None),), (), AT),
        "watch-list-partly": watch_list(
            (replace(well, state=State.WARNING, words=partly),), (), AT
        ),
        "watch-list-none": watch_list((), (), AT),
        "watch-list-long": watch_list(lines * 9, (MAILBOX,) * 30, AT),
        "hostile-watch-list": watch_list((replace(well, mailbox=HOSTILE),), (HOSTILE,), AT),
    }


def figures(states: str, mails: int = 40, **more) -> Figures:
    """Return the figures of days from one letter for each: o, x, ? or -."""
    known = {"o": DayState.WELL, "x": DayState.BROKEN, "?": DayState.BLIND, "-": DayState.NONE}
    first, took = AT.date() - timedelta(days=len(states) - 1), timedelta(minutes=58)
    days = tuple(
        DayFigures(
            first + timedelta(days=at),
            known[each],
            timedelta(days=1),
            took if each == "x" else timedelta(0),
            mails * at // len(states),
            looks=each != "-",
            measured=each in "ox",
        )
        for at, each in enumerate(states)
    )
    measured, total = sum(each.measured for each in days), sum(each.mails for each in days)
    watched, lost = timedelta(days=measured), took * states.count("x")
    found = Figures(days, watched, lost, (), states.count("?"), total, 0, 0, None, None)
    return replace(found, **more)


def history(found: Figures, *incidents: Incident, mailbox: str = MAILBOX, watched: bool = True):
    """Return the card of the history, with these incidents."""
    page = Link("https://bot.example.test/history/abc", AT + timedelta(days=1))
    known = replace(found, incidents=incidents)
    return watch.history(mailbox, known, incidents, AT, page, watched=watched)


def _histories():
    past = [replace(ENDED, since=AT - timedelta(days=n), ended=None) for n in range(9)]
    over = replace(past[3], ended=past[3].since + timedelta(minutes=58))
    blind = replace(over, sight=Sight.CANNOT_LOOK)
    times = {"to_notice": timedelta(minutes=9), "to_fix": timedelta(minutes=58)}
    well, bad = figures("-" * 4 + "o" * 10 + "x?" + "o" * 14, **times), figures("ox" * 15)
    return {
        "history-well": history(well, over, blind),
        "history-broken": history(replace(bad, late=12, bounced=3), *past, watched=False),
        "history-none": history(figures("-" * 30, 0)),
        "history-blind": history(figures("-" * 20 + "?" * 10, 0)),
        "hostile-history": history(figures("?" * 30), over, mailbox=HOSTILE),
    }
