"""Pages of a cmdlet's answer, with as many rows as ``Prefer: odata.maxpagesize`` asks for.

The next page is a POST of the same body to ``@odata.nextLink``. This works for a person, but an app
alone is refused (both measured in 2026). The cloud keeps no page: it runs the cmdlet again.
"""

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import quote

from practice.microsoft.exchange.call import CmdletError

Json = dict[str, Any]
_SIZE: Final = re.compile(r"odata\.maxpagesize=(\d+)", re.IGNORECASE)
_MARK: Final = b"practice:"
_EXPIRED: Final = "Expired or Invalid pagination request. Default Expiry time is 00:30:00"


def page(rows: list[Json], prefer: str, token: str, url: str, *, alone: bool) -> Json:
    """Return the rows of one page as ``value``, with the link to the next one if there is one.

    Raises:
        CmdletError: with status 400 for a token that is not valid, or that an app alone sends.
    """
    start = _start(token, alone=alone)
    asked = _SIZE.search(prefer)
    size = int(asked[1]) if asked else len(rows)
    end = start + max(size, 1)
    following = {"@odata.nextLink": f"{url}?%24skiptoken={_token(end)}"} if end < len(rows) else {}
    return following | {"value": rows[start:end]}


def _token(start: int) -> str:
    return quote(base64.b64encode(_MARK + str(start).encode()).decode(), safe="")


def _start(token: str, *, alone: bool) -> int:
    """Return the number of the page's first row, which the token of the page contains."""
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True)
    except binascii.Error:
        text = b""
    number = text.removeprefix(_MARK)
    if alone or not text.startswith(_MARK) or not number.isdigit():
        raise CmdletError(400, "", _EXPIRED, generic=_EXPIRED, code="BadRequest")
    return int(number)
