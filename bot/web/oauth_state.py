"""State of an OAuth flow.

A state is 256 random bits, is stored encrypted with everything the flow needs, is used only once,
and expires after ten minutes.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from bot.services import Services
from jobs.storage import codec
from jobs.storage.vault import Sealed

LIFE_S = 600


@dataclass(frozen=True, slots=True)
class Flow:
    """Meaning of a state: the kind of flow, the run, and MSAL's flow as JSON.

    MSAL's flow contains the PKCE verifier and the nonce. ``browser`` is the fingerprint of the
    browser in which the flow began (:mod:`bot.web.browser_cookie`). An empty one fits no browser.
    """

    kind: str
    run: str
    flow: str = field(default="", repr=False)
    browser: str = field(default="", repr=False)

    @property
    def msal(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.flow)
        return loaded


def new_state() -> str:
    """Return a state that cannot be guessed (CHECKLIST O1)."""
    return secrets.token_urlsafe(32)


def save(services: Services, state: str, flow: Flow) -> None:
    services.vault.put(Sealed.OAUTH_FLOW.of(state), codec.dump(flow).decode(), LIFE_S)


def read(services: Services, state: str) -> Flow | None:
    """Return the flow without using up its state, or None for an unknown or used state."""
    sealed = services.vault.get(Sealed.OAUTH_FLOW.of(state)) if state else None
    return codec.load(sealed, Flow) if sealed else None


def pop(services: Services, state: str) -> Flow | None:
    """Return the flow for the first callback.

    The result is None for a second callback and for an unknown state.
    """
    sealed = services.vault.take(Sealed.OAUTH_FLOW.of(state)) if state else None
    return codec.load(sealed, Flow) if sealed else None
