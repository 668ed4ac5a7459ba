"""End of the bot's own credential, and the doctor command's words about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from jobs.access import app_access as module
from jobs.access.app_access import AppAccess, end_of_secret, own_credential
from jobs.clock import now
from jobs.clouds.http import async_client
from jobs.settings import Settings
from tests.fixtures.client_certificate import make_pem

END = "2027-05-31T00:00:00Z"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    """Settings with a client secret."""
    return make_settings(microsoft_client_secret="abc8Q~made-up")


@pytest.mark.parametrize(
    ("days", "problem", "doubt"), [(31, False, False), (29, False, True), (-1, True, False)]
)
def test_a_certificate_says_when_it_ends(
    settings: Settings, tmp_path: Path, days: int, problem: bool, doubt: bool
):
    """The doctor command warns in a certificate's last 30 days and reports a problem after them."""
    lasts = timedelta(days=days, minutes=5)
    path = make_pem(ends_in=lasts).write(tmp_path / "bot.pem")
    work = replace(settings, microsoft_client_secret="", microsoft_client_certificate=str(path))
    found = own_credential(work, ())
    assert (bool(found.problem), bool(found.doubt)) == (problem, doubt)
    assert found.ends is not None
    assert abs(now() + lasts - found.ends) < timedelta(minutes=5)
    says = f"a certificate until {found.ends:%d %b %Y}"
    assert says in (found.problem or found.doubt or found.words)


def test_a_file_that_cannot_be_read(settings: Settings):
    """If the certificate's file cannot be read, the doctor command's problem names the setting.

    The sentence is the same as at the start of the bot.
    """
    work = replace(settings, microsoft_client_secret="", microsoft_client_certificate="/gone.pem")
    assert own_credential(work, ()).problem.startswith("MICROSOFT_CLIENT_CERTIFICATE names /gone")


def test_a_federated_token_has_no_end(settings: Settings):
    """A federated token has no known end and raises no doubt, because its platform renews it."""
    work = replace(
        settings, microsoft_client_secret="", microsoft_federated_token_file="/var/token"
    )
    found = own_credential(work, ())
    assert (found.ends, found.problem, found.doubt) == (None, "", "")


def test_a_secret_whose_end_nobody_knows(settings: Settings):
    """If a secret's end is unknown, the doctor command warns and names the setting for it.

    The warning is gone as soon as the setting has a date.
    """
    assert "MICROSOFT_CLIENT_SECRET_EXPIRES" in own_credential(settings, ()).doubt
    at = now()
    day = f"{at + timedelta(days=90):%Y-%m-%d}"
    found = own_credential(replace(settings, microsoft_client_secret_expires=day), ())
    assert (found.doubt, found.problem, found.ends is not None) == ("", "", True)


def key(hint: str | None, end: str = END) -> dict[str, Any]:
    """Return a client secret as Graph lists it in an app's registration."""
    return {"hint": hint, "endDateTime": end}


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ([], False),
        ([key(None)], True),
        ([key("abc"), key("xyz", "2026-01-01T00:00:00Z")], True),
        ([key("xyz"), key("uvw")], False),
        ([key("abc"), key("abc", "2026-01-01T00:00:00Z")], False),
        ([key("abc", "never")], False),
        (["no object"], False),
    ],
)
def test_which_secret_of_the_app_it_is(listed: list[Any], found: bool):
    """The bot finds its secret in the app by the first three characters, which Graph shows.

    If more than one secret may be the bot's, none is chosen.
    """
    end = end_of_secret({"passwordCredentials": listed}, "abc8Q~made-up")
    assert (end.isoformat() if end else "") == ("2027-05-31T00:00:00+00:00" if found else "")


Answered = Callable[[Callable[[httpx.Request], httpx.Response]], None]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Answered:
    """Return a function that has Graph answer in every tenant."""

    async def token() -> str:
        return "at-1"

    def by(answer: Callable[[httpx.Request], httpx.Response]) -> None:
        cloud = httpx.MockTransport(answer)
        monkeypatch.setattr(module, "tokens_of", lambda *_: SimpleNamespace(source=lambda _: token))
        monkeypatch.setattr(module, "async_client", lambda each: async_client(each, cloud))

    return by


def test_graph_is_asked_where_the_bot_may_read(settings: Settings, answered: Answered):
    """The bot looks for its own app in each tenant that it may read, and only reads there.

    The first tenant does not know the app, and the second one is the app's home.
    """
    seen: list[httpx.Request] = []

    def answer(asked: httpx.Request) -> httpx.Response:
        seen.append(asked)
        app = {"appId": "client-1", "passwordCredentials": [key("abc")]}
        return httpx.Response(200, json={"value": [app] if len(seen) > 1 else []})

    answered(answer)
    granted = [AppAccess(tenant, now(), "admin@contoso.com", ()) for tenant in ("one", "two")]
    found = own_credential(settings, granted)
    assert found.ends is not None
    assert f"{found.ends:%Y-%m-%d}" == "2027-05-31"
    assert [(each.method, each.url.path) for each in seen] == [("GET", "/v1.0/applications")] * 2
    assert "appId eq 'client-1'" in str(seen[0].url.params["$filter"])


def test_a_tenant_that_does_not_answer(settings: Settings, answered: Answered):
    """If no tenant answers, the doctor command says that the end of the secret is not known."""
    answered(lambda _: httpx.Response(403, json={"error": {"code": "x"}}))
    found = own_credential(settings, [AppAccess("one", now(), "admin@contoso.com", ())])
    assert (found.ends, "is not known" in found.doubt) == (None, True)
