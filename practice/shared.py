"""Where the documents lie that the project was built from: beside it, or where ``SHARED_DOCUMENTS`` leads. They are no part of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SHARED: Final = Path(os.environ.get("SHARED_DOCUMENTS") or Path(__file__).parents[2] / "shared")
FACTS, SKETCHES, SPECS = SHARED / "facts", SHARED / "sketches", SHARED / "specs"
CARDS, GRAPH, WEBEX = SPECS / "adaptive-card-1.3.json", SPECS / "graph-openapi-subset.json", SPECS / "webex-messaging.json"
ABSENT: Final = "the documents that the project was built from are not here (README.md, Where things are)"
"""Why a test is skipped that needs one of them."""
