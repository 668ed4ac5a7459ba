"""Location of recorded traffic, published specifications and sketches of cards.

They are not part of the project. They are next to it, or in the folder that ``SHARED_DOCUMENTS``
names.
"""

import os
from pathlib import Path
from typing import Final

SHARED: Final = Path(os.environ.get("SHARED_DOCUMENTS") or Path(__file__).parents[2] / "shared")
FACTS, SKETCHES, SPECS = SHARED / "facts", SHARED / "sketches", SHARED / "specs"
CARDS, GRAPH, WEBEX, CONTACT_CENTER = (
    SPECS / "adaptive-card-1.3.json",
    SPECS / "graph-openapi-subset.json",
    SPECS / "webex-messaging.json",
    SPECS / "webex-contact-center.json",
)
ABSENT: Final = (
    "the recordings and specifications are not here (docs/architecture.md, Where things are)"
)
"""Reason for skipping a test if a document that it needs is missing."""
