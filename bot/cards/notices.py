"""Common parts of notices: short cards that tell a space or a person one thing."""

from __future__ import annotations

from collections.abc import Callable

from adaptive_cards import notice
from adaptive_cards.cards.notice import NoticeView
from adaptive_cards.locale import Locale, drawn_for
from bot.chat import audience
from bot.services import Services
from jobs.model import Text
from jobs.next_action import ENDED
from jobs.runs.run import Kind, Run


def post_in_space(
    services: Services, run: Run, locale: Locale, view: Callable[[], NoticeView]
) -> bool:
    """Post a notice in the run's space; return False if an outsider is there and prevents it.

    ``view`` is called when the texts are drawn in the language and time zone of ``locale``.

    Raises:
        WebexError: Webex does not answer, or refuses the message.
    """
    if not audience.may_read(services, run):
        return False
    with drawn_for(locale):
        card = notice(view())
    services.messenger.send(room_id=run.origin.room, text=card.text, card=card.content)
    return True


def end_title(run: Run, about: dict[str, str]) -> Text:
    if run.ended is Kind.FINISHED:
        return Text("living.over_done", about)
    return Text(f"notice.over_{ENDED[run.ended]}", about)
