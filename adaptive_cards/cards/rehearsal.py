"""Card of the rehearsal of Generate Token.

The mailbox user signs in once at the bot, before anybody does it in Webex Connect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from adaptive_cards import glyphs
from adaptive_cards.actions import buttons, cancel, open_url, show_card, submit
from adaptive_cards.card import Card, finished
from adaptive_cards.components import (
    Band,
    ask_someone,
    kicker,
    persons_turn,
    problem_box,
    run_turn,
)
from adaptive_cards.elements import BOLD, Element, container, facts, literal, own, said
from adaptive_cards.texts import has_text, remedy_within, text
from adaptive_cards.times import day_clock
from adaptive_cards.views import Asked, Header
from jobs.model import Text, Turn

_LINES_MOST = 12


_REASON_MOST = 500


def rehearsal(view: RehearsalView) -> Card:
    if view.done:
        return _done(view)
    if view.skipped:
        return _ended(
            view,
            "emphasis",
            glyphs.SKIPPED,
            Text("rehearsal.skipped"),
            Text("rehearsal.skipped_next", {"reason": view.skipped}),
        )
    if view.problem:
        return _failed(view)
    return _ready(view) if view.url else _offer(view)


def _done(view: RehearsalView) -> Card:
    kind = "_shared" if view.shared else ""
    title = Text(f"rehearsal.done{kind}", _values(view))
    told = Text(f"rehearsal.done_next{kind}", _values(view))
    return _ended(view, "good", glyphs.OK, title, told)


def _offer(view: RehearsalView) -> Card:
    band = persons_turn(
        Text("rehearsal.offer"),
        run_turn(view.header, Turn.MAILBOX_USER, Text("rehearsal.offer_turn")),
    )
    again = submit(text("button.rehearse"), "rehearse", main=True, run=view.header.run)
    return finished(
        kicker(view.header), band, [_what(view)], [again, _skip(view), cancel(view.header.run)]
    )


def _ready(view: RehearsalView) -> Card:
    kind = "_shared" if view.shared else ""
    title = Text(f"rehearsal.ready{kind}", _values(view))
    told = Text(f"rehearsal.ready_turn{kind}", _values(view))
    turn = run_turn(view.header, Turn.MAILBOX_USER, told, direct=view.direct)
    band = persons_turn(title, turn, asked=view.header.asked)
    sign_in = buttons(open_url(text(f"button.sign_in_mailbox{kind}"), view.url, main=True))
    actions = [_skip(view), *([] if view.direct else [cancel(view.header.run)])]
    body = [_what(view), sign_in, *_ask_mailbox_user(view)]
    return finished(kicker(view.header), band, body, actions)


def _ask_mailbox_user(view: RehearsalView) -> list[Element]:
    if view.direct or view.asked is None:
        return []
    do, who = "ask_mailbox_user", "mailbox_user"
    field, _ = ask_someone("", do, view.header.run, view.asked, who=who)
    return field


def _failed(view: RehearsalView) -> Card:
    own_turn = view.direct and view.turn is Turn.MAILBOX_USER
    band = persons_turn(
        Text("rehearsal.failed"),
        run_turn(view.header, view.turn, Text("rehearsal.failed_turn"), direct=own_turn),
    )
    if view.settling:
        # Somebody may be asked elsewhere meanwhile, so it does not say that nobody has to act.
        waits = own("rehearsal.settling_turn", spacing="Small")
        band = Band.of("emphasis", glyphs.TIME, Text("rehearsal.settling"), waits)
    again = submit(text("button.try_again"), "rehearse", main=True, run=view.header.run)
    body = [*problem_box(view.problem, view.problem_code), *_remedy(view), *_transcript(view)]
    stop = [] if view.direct else [cancel(view.header.run)]
    return finished(kicker(view.header), band, body, [again, _skip(view), *stop])


def _remedy(view: RehearsalView) -> list[Element]:
    # A problem that resolves itself needs none. For a shared mailbox the user may lack permissions.
    if view.shared and view.cause == "smtp_token_refused":
        return [said(Text("rehearsal.refused_shared", _values(view)), spacing="Small")]
    return (
        [own(remedy_within(view.cause), spacing="Small")]
        if has_text(f"remedy.{view.cause}") and not view.settling
        else []
    )


def _ended(view: RehearsalView, style: str, mark: glyphs.Mark, title: Text, told: Text) -> Card:
    band = Band.calm(style, mark, title, told)
    return finished(kicker(view.header), band, _transcript(view))


def _what(view: RehearsalView) -> Element:
    rows = [
        (
            text("rehearsal.account"),
            text("rehearsal.account_shared", **_values(view)) if view.shared else view.username,
        ),
        (text("rehearsal.what"), text("rehearsal.what_happens")),
        (text("rehearsal.kept"), text("rehearsal.kept_what")),
    ]
    if view.url and view.until:
        rows.append((text("signin.link"), text("signin.link_until", until=day_clock(view.until))))
    return facts(rows)


def _values(view: RehearsalView) -> dict[str, str]:
    return {"username": view.username, "login": view.login}


def _transcript(view: RehearsalView) -> list[Element]:
    lines = view.transcript[-_LINES_MOST:]
    if not lines:
        return []
    shown = [
        literal(line, size="Small", spacing="None" if number else "Small")
        for number, line in enumerate(lines)
    ]
    return [
        own("rehearsal.transcript", **BOLD, spacing="Medium"),
        container("", *shown, spacing="Small"),
    ]


def _skip(view: RehearsalView) -> Element:
    field: Element = {
        "type": "Input.Text",
        "id": "skip_reason",
        "label": text("field.skip_reason"),
        "maxLength": _REASON_MOST,
    }
    field |= {
        "isRequired": True,
        "errorMessage": text("field.skip_reason_error"),
        "placeholder": text("field.skip_reason_example"),
    }
    return show_card(
        text("button.skip"),
        [field],
        submit(text("button.skip_rehearsal"), "skip_rehearsal", reads=True, run=view.header.run),
    )


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """Rehearsal, in which the mailbox user signs in once at the bot.

    ``url`` is empty until the rehearsal was chosen and is ready. ``settling`` means that the
    problem may resolve itself and that the bot retries. ``turn`` is who acts on a problem that does
    not. ``username`` is the user who signs in. For a ``shared`` mailbox it is the mailbox, and
    ``login`` signs in for it. ``asked`` is the address to which the request could not be sent 1:1.
    ``direct`` is true for the copy of the mailbox user, who cannot cancel the run.
    """

    header: Header
    username: str
    url: str = ""
    until: datetime | None = None
    problem: Text | None = None
    problem_code: str = ""
    cause: str = ""
    transcript: tuple[str, ...] = ()
    settling: bool = False
    turn: Turn = Turn.MAILBOX_USER
    done: bool = False
    skipped: str = ""
    shared: bool = False
    login: str = ""
    asked: Asked | None = None
    direct: bool = False
