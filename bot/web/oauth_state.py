"""Journeys to Microsoft and back: each has a state of 256 random bits, sealed with all it needs, used once, over in ten minutes."""

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
    """What a state stands for: the kind of journey, the run, and msal's flow as JSON (it holds the PKCE verifier and the nonce)."""

    kind: str
    run: str
    flow: str = field(default="", repr=False)

    @property
    def msal(self) -> dict[str, Any]:
        """Msal's own dictionary."""
        loaded: dict[str, Any] = json.loads(self.flow)
        return loaded


def new_state() -> str:
    """An unguessable state (CHECKLIST O1)."""
    return secrets.token_urlsafe(32)


def save(services: Services, state: str, flow: Flow) -> None:
    """Seal the journey under its state."""
    services.vault.put(Sealed.OAUTH_FLOW.of(state), codec.dump(flow).decode(), LIFE_S)


def pop(services: Services, state: str) -> Flow | None:
    """The journey, for the one who comes back first; None afterwards, and for a state that was never given out."""
    sealed = services.vault.take(Sealed.OAUTH_FLOW.of(state)) if state else None
    return codec.load(sealed, Flow) if sealed else None
