"""Product's clients for reading recorded answers, and the check of the errors that they raise."""

from __future__ import annotations

from jobs.clouds.errors import CloudError
from jobs.settings import Settings
from tests.contract.recordings import Json

BY_STATUS = {400: "rejected", 401: "sign_in_needed", 403: "not_allowed", 404: "not_found"}
"""Kind of the error, by its HTTP status, for an entry that names no expected kind."""


def at(base: str) -> Settings:
    """Return settings whose clouds are all on this server."""
    return Settings(
        "https://bot.test", "", "client-1", "secret", (), base, graph_url=base, exchange_url=base
    )


async def token() -> str:
    """Return a token."""
    return "token-1"


def hold(error: CloudError, recorded: Json) -> None:
    """Check an error against the recording: its expectation, its status and the service's code."""
    status, body = recorded["response"]["status"], recorded["response"].get("body") or {}
    expect = recorded.get("expect") or {"kind": BY_STATUS[status]}
    assert {name: str(getattr(error, name)) for name in expect} == expect
    told = body.get("error") or body.get("odata.error") or {}
    if told:
        assert error.code
        assert error.message
    assert error.status == status
