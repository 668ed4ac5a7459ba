"""Errors with AADSTS numbers, in the token endpoint, a redirect or a page.

Source: platforms/microsoft.md 5.
"""

import tomllib
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, Final

UNKNOWN_PERMISSION: Final = 65006
TEXTS: Final = {
    int(code): (error, text)
    for error, texts in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    ).items()
    for code, text in texts.items()
}
"""OAuth error and text of each number."""


class Trouble(Exception):  # noqa: N818  Microsoft's "error" has another meaning in this package
    """Error with an AADSTS number and the values in its text.

    ``back`` means that the app receives the error by a redirect. ``error`` is the code of the OAuth
    error, for a number that has two codes.
    """

    def __init__(
        self, code: int, values: tuple[str, ...] = (), *, back: bool = False, error: str = ""
    ) -> None:
        super().__init__(code)
        self.code, self.values, self.back = code, values, back
        self.error = error or TEXTS[code][0]

    @property
    def status(self) -> int:
        """Return the status of the HTTP response: 401 for a client that could not authenticate."""
        return 401 if self.error == "invalid_client" and self.code != UNKNOWN_PERMISSION else 400

    def description(self, trace: str, correlation: str, at: datetime) -> str:
        """Return the error's text with the IDs that Microsoft's support asks for."""
        text = TEXTS[self.code][1].format(*self.values)
        return (
            f"AADSTS{self.code}: {text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {at:%Y-%m-%d %H:%M:%SZ}"
        )

    def body(self, at: datetime, correlation: str = "") -> dict[str, Any]:
        """Return the body of the token endpoint's error response."""
        trace, correlation = str(uuid.uuid4()), correlation or str(uuid.uuid4())
        return {
            "error": self.error,
            "error_description": self.description(trace, correlation, at),
            "error_codes": [self.code],
            "timestamp": f"{at:%Y-%m-%d %H:%M:%SZ}",
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
