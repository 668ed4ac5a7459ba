"""Practice cloud on a port of its own, for clients that are not part of this project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from practice.cloud import PracticeCloud
from practice.settings import PracticeSettings


@pytest.fixture
def cloud(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeCloud]:
    """Whole practice cloud over TLS, whose certificates every client of this process trusts."""
    made = PracticeCloud(0, tmp_path, PracticeSettings(replication_s=0))
    made.start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.tls.ca_path))
    yield made
    made.stop()
