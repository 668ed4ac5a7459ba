"""What an event is answered, kept until Webex takes it: an event that is tried again carries no command out twice.

Whatever a command posts goes through here. Where Webex is away the command does not notice: it goes on to its end, and the event's
next try only posts what is left.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog
from redis.exceptions import RedisError

from adaptive_cards import notice
from adaptive_cards.views import NoticeView
from bot.talk import Talk
from bot.webex import Message, Post, Webex, WebexBadRequestError, WebexError
from bot.webex_errors import FORBIDDEN, passes
from jobs import codec
from jobs.clock import now
from jobs.model import Words, verbatim

KEPT_S = 1800
"""How long it is known what was carried out, in seconds: longer than an event is tried again."""
Act = Callable[[Talk], None]
log = structlog.get_logger(__name__)


class Outbox(Webex):
    """The bot's account as a command has it. After the first post that Webex did not take every other waits, too, in order.

    Attributes:
        unsent: what is still to be posted. A message that may stand there already is posted once more, since no answer is worse than
            two; a file is not.
        trouble: why it was not; None where all was taken.
    """

    def __init__(self, webex: Webex) -> None:
        vars(self).update(vars(webex))  # the same account, connection and patience
        self.unsent: list[Post] = []
        self.trouble: WebexError | None = None

    def post(self, post: Post) -> Message:
        """Post it, or keep it; what is kept has no id yet.

        Raises:
            WebexError: Webex said no, which it would do again.
        """
        if self.trouble is None:
            try:
                return super().post(post)
            except WebexError as error:
                if not passes(error):
                    raise
                self.trouble = error
                self.unsent += _left(post, error)
                return Message.of({})
        self.unsent.append(post)
        return Message.of({})

    def post_all(self, posts: Iterable[Post]) -> None:
        """Post what was kept."""
        for each in posts:
            self.post(each)


def _left(post: Post, error: WebexError) -> tuple[Post, ...]:
    """What is still to be posted after the trouble."""
    if not error.accepted:
        return (post,)
    return () if post.file or post.doubtful else (replace(post, doubtful=True),)


def once(talk: Talk, part: str, act: Act) -> None:
    """Carry out a part of an event (``part`` names both), once however often the event is tried.

    Raises:
        WebexError: Webex is away: what is missing is done by the event's next try.
        redis.RedisError: Redis is away.
    """
    vault, name = talk.desk.vault, f"answered:{part}"
    outbox = Outbox(talk.desk.webex)
    speaking = replace(talk, desk=replace(talk.desk, webex=outbox))
    kept = vault.get(name)
    if kept is None:
        _carefully(speaking, act)
    else:
        _carefully(speaking, lambda _: outbox.post_all(codec.load(kept, list[Post])))
    vault.put(name, codec.dump(outbox.unsent).decode(), KEPT_S)
    if outbox.trouble is not None:
        raise outbox.trouble


def _carefully(talk: Talk, act: Act) -> None:
    """Do it. A mistake of ours is said with a reference; a card that Webex does not take (400) is one, as it would be refused again."""
    try:
        act(talk)
    except Exception as error:
        if isinstance(error, WebexError) and error.status == FORBIDDEN and not talk.direct and talk.person.id != talk.desk.me.id:
            _say_in_person(talk, error)
        elif isinstance(error, WebexError | RedisError) and not isinstance(error, WebexBadRequestError):
            raise
        else:
            reference = f"REF-{secrets.token_hex(3).upper()}"
            log.exception("event failed", reference=reference)
            _say_broken(talk, reference)


def _say_broken(talk: Talk, reference: str) -> None:
    kicker, title, words = (Words(f"notice.broken_{part}") for part in ("kicker", "title", "words"))
    talk.tell(NoticeView(kicker, title, words, glyph="✗", facts=(("refused.reference", verbatim(reference)),), at=now()))


def _say_in_person(talk: Talk, error: WebexError) -> None:
    """The bot may not write in the space: only moderators may, or nobody. Who asked is told 1:1 that there is no answer, and why."""
    log.warning("the bot may not write in the space", room=talk.room, tracking_id=error.tracking_id)
    kicker, title, words = (Words(f"notice.unposted_{part}") for part in ("kicker", "title", "words"))
    card = notice(NoticeView(kicker, title, words, glyph="✗", at=now()))
    talk.desk.webex.send(to_person_id=talk.person.id, text=card.text, card=card.content)
