"""Pages of a cmdlet's answer, and the words with which Exchange says that rows are missing.

Source: facts/microsoft.md 3.4; the clients of InvokeCommand that follow ``@odata.nextLink`` do so
by a POST of the same body.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from jobs.causes.cause import Cause
from jobs.clouds.errors import CloudReply, MalformedAnswer
from jobs.clouds.http import Response
from jobs.clouds.json_values import as_dict, text_of

MOST_PAGES = 20
"""Number of pages after the first one that are read. A page has a thousand rows."""
_CUT = re.compile(r"more results|ResultSize|only the first \d+", re.IGNORECASE)
"""Words of Exchange's warning that rows are missing. Any other warning is not about the rows."""


def next_page(data: Any) -> str:
    return text_of(as_dict(data), "@odata.nextLink")


def is_page_of(url: str, link: str) -> bool:
    """Return whether a link stays below the cmdlets' path: the token goes to no other host."""
    ours, theirs = urlsplit(url), urlsplit(link)
    return (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower()) and (
        theirs.path.lower().startswith("/adminapi/")
    )


def says_cut(data: Any) -> str:
    """Return the warning that rows are missing, or an empty string."""
    told = as_dict(data).get("@adminapi.warnings")
    warnings = map(str, told if isinstance(told, list) else [told or ""])
    return next(filter(_CUT.search, warnings), "")


def cut_short(answer: Response, words: str) -> MalformedAnswer:
    """Return the error for an answer from which rows are missing."""
    return MalformedAnswer(
        Cause.EXCHANGE_ANSWER_CUT,
        CloudReply("exchange", answer.status, message=words, ids=answer.ids),
    )
