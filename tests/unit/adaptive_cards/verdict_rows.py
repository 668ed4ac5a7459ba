"""Types and names of the tests of a check's card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from adaptive_cards import Card

Cards = dict[str, Card]

Nodes = Callable[[Any], Iterator[dict[str, Any]]]

MAILBOX = "support@contoso.com"
