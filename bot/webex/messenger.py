"""Interface for posting and editing messages and sending files."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

from bot.webex.models import File, Message, Post

CARD = "application/vnd.microsoft.card.adaptive"
Json = dict[str, Any]


class Messenger(Protocol):
    """Interface for posting and editing messages as the bot.

    :class:`bot.webex.client.Webex` does it at once. :class:`bot.events.outbox.Outbox` keeps the
    posts that Webex does not accept. Every method raises :class:`bot.webex.errors.WebexError` if
    Webex refuses.
    """

    @abstractmethod
    def post(self, post: Post) -> Message:
        """Post a message and return it; it has no id if Webex has not accepted it yet."""

    @abstractmethod
    def edit(self, message_id: str, room_id: str, text: str, card: Json | None = None) -> None:
        """Replace a message including its card; Webex allows 10 edits at most.

        Raises:
            WebexBadRequestError: Webex does not accept this edit. Post a new message instead.
        """

    def send(  # noqa: PLR0913  each is one of the API's own fields
        self,
        *,
        room_id: str | None = None,
        to_person_id: str | None = None,
        to_email: str | None = None,
        text: str | None = None,
        card: Json | None = None,
        parent_id: str | None = None,
        shows: tuple[str, str] | None = None,
    ) -> Message:
        """Post a message to a space or to a person (exactly one of them).

        It is retried only if it is certain that nothing was posted.
        """
        fields: Json = {
            "roomId": room_id,
            "toPersonId": to_person_id,
            "toPersonEmail": to_email,
            "text": text,
        }
        fields |= {"attachments": attachments(card) if card else None, "parentId": parent_id}
        return self.post(
            Post({name: value for name, value in fields.items() if value}, shows=shows)
        )

    def send_file(  # noqa: PLR0913  each is one of the API's own fields
        self,
        *,
        room_id: str,
        text: str,
        name: str,
        content_type: str,
        content: bytes,
        parent_id: str = "",
    ) -> Message:
        """Post a file from memory with a text to a space; the retries are those of :meth:`send`."""
        thread = {"parentId": parent_id} if parent_id else {}
        return self.post(
            Post({"roomId": room_id, "text": text, **thread}, File(name, content_type, content))
        )


def attachments(card: Json) -> list[Json]:
    return [{"contentType": CARD, "content": card}]
