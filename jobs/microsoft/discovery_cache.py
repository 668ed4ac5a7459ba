"""Discovery documents and signing keys, cached for an hour in this process and, sealed, in Redis.

Without Redis each process would request them again.
They are sealed because a client secret is sent to the address in a discovery document: write access
to Redis must not be enough to change one.
"""

from __future__ import annotations

import json
import time
from typing import Any

from jobs.storage.vault import Sealed, Vault, VaultName

Json = dict[str, Any]
LIFE_S = 3600


class DiscoveryCache:
    """Cache of JSON documents by URL. Without a vault, the documents stay in this process."""

    def __init__(self, vault: Vault | None = None) -> None:
        self._vault = vault
        self._here: dict[str, tuple[float, Json]] = {}

    def get(self, url: str) -> Json | None:
        kept = self._here.get(url)
        if kept is not None and time.monotonic() - kept[0] < LIFE_S:
            return kept[1]
        sealed = self._vault.get(_name(url)) if self._vault else None
        return json.loads(sealed) if sealed else None

    def put(self, url: str, document: Json) -> None:
        self._here[url] = (time.monotonic(), document)
        if self._vault:
            self._vault.put(_name(url), json.dumps(document), LIFE_S)


def _name(url: str) -> VaultName:
    return Sealed.DOCUMENT.of(url)
