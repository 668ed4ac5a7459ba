"""Interface of an OAuth flow with Microsoft, and the values that go in and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bot.services import Services
from bot.web.oauth_state import Flow
from jobs.runs.run import Event, Run
from jobs.storage.vault import VaultName


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """Authorization request: the URL, and the flow's data, which is kept until the callback."""

    url: str
    flow: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallbackResult:
    """Result of a callback: the event and account that the page names, or the next flow.

    ``then`` is the kind of the next flow, or an empty string. ``page`` names the page to show, or is
    empty for the flow's own. ``sealed`` are the values that the vault keeps with the event, each
    with its name and lifetime in seconds.
    """

    event: Event | None = None
    account: str = ""
    then: str = ""
    page: str = ""
    sealed: tuple[tuple[VaultName, str, int], ...] = field(default=(), repr=False)


class OAuthFlow(Protocol):
    """Interface of an OAuth flow.

    ``question`` names the problem if the flow fails. ``arrived`` names the page if it succeeds.
    """

    question: str
    arrived: str

    def is_complete(self, run: Run) -> bool: ...

    def values(self, run: Run) -> dict[str, str]:
        """Return the values in the texts of the flow's first page. No network is used."""
        ...

    def start(self, services: Services, run: Run, state: str) -> AuthorizationRequest:
        """Build the authorization request after the person has pressed the button.

        Raises:
            CloudError: Microsoft cannot be reached.
        """
        ...

    def handle_callback(
        self, services: Services, run: Run, flow: Flow, query: Mapping[str, str]
    ) -> CallbackResult:
        """Finish the flow with the query that the browser brought back.

        Raises:
            CloudError: The answer is not valid.
        """
        ...
