"""Download of a file that a person attached, with the reason if it is not accepted."""

from __future__ import annotations

from datetime import timedelta

from bot.chat.context import ChatContext
from bot.webex.client import File, FileTooLargeError, Message, WebexAnswerError
from bot.webex.errors import LOCKED
from bot.webex.models import is_older_than

SCAN = timedelta(seconds=60)
"""Time after sending for which the bot waits for a file's malware scan by Webex (status 423)."""
_REASONS = {403: "unread", 404: "unread", 410: "infected", 428: "unscannable"}
"""Reasons by Webex's status.

Webex answers 410 for malware and 428 for a file that it cannot scan (platforms/webex.md 2).
"""


class NotAcceptedError(Exception):
    """Refusal to read a file, with the reason.

    ``reason`` is large, unread, infected, unscannable or scanned.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def first_file(ctx: ChatContext, message: Message, largest: int) -> File:
    """Return the first file of a message, of at most ``largest`` bytes.

    Raises:
        NotAcceptedError: the file is too large, or Webex does not return it.
        WebexError: Webex is unavailable or still scans the file. The event is retried.
    """
    try:
        return ctx.services.webex.download(message.files[0], largest=largest)
    except FileTooLargeError as error:
        raise NotAcceptedError("large") from error
    except ValueError as error:
        raise NotAcceptedError("unread") from error
    except WebexAnswerError as error:
        raise NotAcceptedError(_reason(error, message)) from error


def _reason(error: WebexAnswerError, message: Message) -> str:
    """Return the reason why Webex returns no file, or raise the error if a retry may help."""
    if error.status == LOCKED and is_older_than(message.created, SCAN):
        return "scanned"
    if error.status not in _REASONS:
        raise error
    return _REASONS[error.status]
