"""OAuth of Webex Connect: Generate Token and the token refresh.

Both use the form's fields and real HTTP calls.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from re import sub
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import httpx

from practice.mail.connect_app import OAUTH, ConnectApp, FormError
from practice.microsoft import ids

Json = dict[str, Any]
LOGIN: Final = frozenset({"login.microsoftonline.com", "login.microsoftonline.us"})


class ConnectOAuth:
    """OAuth client of the sign-in pages, on behalf of Webex Connect.

    Microsoft's own host name leads to this cloud.
    """

    def __init__(self, http: httpx.Client, base_url: str, clock: Callable[[], datetime]) -> None:
        self._http, self._base, self._clock = http, base_url, clock

    def generate(self, app: ConnectApp, account: str, action: str) -> None:
        """Go through the authorization code flow as the chosen account.

        Raises:
            FormError: when it fails; it contains Microsoft's text.
        """
        app.need("client_id", "client_secret", *OAUTH)
        state = secrets.token_urlsafe(12)
        code = self._code(app, account, action, state)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": app.callback_url,
            "scope": app.fields["scope"],
        }
        self._redeem(app, app.fields["access_token_url"], form)

    def refresh(self, app: ConnectApp) -> None:
        """Renew the access token with the refresh token.

        Raises:
            FormError: when Microsoft refuses.
        """
        form = {
            "grant_type": "refresh_token",
            "refresh_token": app.refresh_token,
            "scope": app.fields["scope"],
        }
        self._redeem(app, app.fields["refresh_token_url"], form)

    def _code(self, app: ConnectApp, account: str, action: str, state: str) -> str:
        page = self._consent_answer(app, account, action, state)
        location = str(page.headers.get("location", ""))
        if not location.startswith(app.callback_url + "?"):
            raise FormError(_words(page.text) or f"HTTP {page.status_code}")
        values = dict(parse_qsl(urlsplit(location).query))
        if values.get("state") != state or "code" not in values:
            raise FormError(values.get("error_description") or values.get("error") or "no code")
        return values["code"]

    def _consent_answer(
        self, app: ConnectApp, account: str, action: str, state: str
    ) -> httpx.Response:
        """Open the authorization page, choose the account, and return the last response."""
        query = {
            "client_id": app.fields["client_id"],
            "redirect_uri": app.callback_url,
            "response_type": "code",
            "scope": app.fields["scope"],
            "state": state,
            "login_hint": app.fields.get("login_id") or app.fields.get("username", ""),
        }
        url = self._here(app.fields["authorization_url"])
        page = self._send("GET", url, params=query)
        if page.status_code != httpx.codes.OK:
            return page
        choice = {"account": account, "action": action}
        return self._send("POST", url, params=query, data=choice)

    def _redeem(self, app: ConnectApp, url: str, form: dict[str, str]) -> None:
        own = {"client_id": app.fields["client_id"], "client_secret": app.fields["client_secret"]}
        answer = self._send("POST", self._here(url), data=form | own)
        try:
            body: Json = answer.json()
        except ValueError:
            raise FormError(f"HTTP {answer.status_code} from the token URL") from None
        if "access_token" not in body:
            raise FormError(str(body.get("error_description") or body))
        app.access_token = body["access_token"]
        app.refresh_token = body.get("refresh_token") or app.refresh_token
        app.valid_until = self._clock() + timedelta(seconds=int(body["expires_in"]))

    def _send(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            return self._http.request(method, url, headers={ids.PLACE: ids.WEBEX}, **more)
        except httpx.HTTPError as error:
            raise FormError(f"{url}: {error}") from None

    def _here(self, url: str) -> str:
        parts = urlsplit(url)
        return self._base + parts.path if parts.hostname in LOGIN else url


def _words(page: str) -> str:
    """Return the text of an error page, starting with Microsoft's code.

    The result is empty if the page has no such code.
    """
    text = unescape(sub(r"<[^>]+>", " ", page))
    return "AADSTS" + text.partition("AADSTS")[2].strip() if "AADSTS" in text else ""
