"""Browser of a named person, with cookies, redirects, and the forms of sign-in and bot pages."""

import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Literal
from urllib.parse import urljoin

import httpx

MOST_PAGES = 12
TO_BE_TYPED = ("text", "email", "password", "tel", "url", "number", "search")


@dataclass(slots=True)
class Form:
    """Form of a page with its fields.

    ``buttons`` holds only the buttons that have a name.
    """

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    accounts: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    typed: bool = False


@dataclass(slots=True)
class Page:
    """Last page that the browser shows."""

    url: str
    status: int
    html: str
    text: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Parser that finds the forms, links and words of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page, self._form, self._hidden = page, Form("", ""), 0
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the forms, fields, buttons and links that begin with this tag."""
        given = {key: value or "" for key, value in attrs}
        if tag == "form":
            self._begin_form(given)
        elif tag in {"input", "textarea"}:
            self._field(given)
        elif tag == "button" and given.get("name"):
            self._form.buttons.append((given["name"], given.get("value", "")))
        elif tag == "a" and given.get("href") and "data-practice" not in given:
            self._link(urljoin(self._page.url, given["href"]))
        self._hidden += tag in {"style", "script"}

    def _link(self, address: str) -> None:
        """Keep a link to a page.

        A link to another program, such as mail or Webex, is not followed. In the practice space the
        page of Webex is the space itself, and the relay has marked the link to it.
        """
        if address.startswith(("http://", "https://")):
            self._page.links.append(address)

    def _begin_form(self, given: dict[str, str]) -> None:
        action = urljoin(self._page.url, given.get("action", ""))
        self._form = Form(action, given.get("method", "get").upper())
        self._page.forms.append(self._form)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a style or script element, whose words are not shown."""
        self._hidden -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        """Collect the visible words of the page."""
        if not self._hidden and data.strip():
            self._say(data)

    def _say(self, words: str) -> None:
        self._words.append(" ".join(words.split()))
        self._page.text = "\n".join(self._words)

    def _field(self, given: dict[str, str]) -> None:
        kind, read_only = given.get("type", "text"), "readonly" in given
        if given.get("name"):
            self._named_field(kind, given["name"], given.get("value", ""))
        self._form.typed = self._form.typed or (kind in TO_BE_TYPED and not read_only)
        if read_only and given.get("value"):
            self._say(given["value"])

    def _named_field(self, kind: str, name: str, value: str) -> None:
        if kind == "radio" and name == "account":
            self._form.accounts.append(value)
        elif kind == "submit":
            self._form.buttons.append((name, value))
        elif kind != "radio":
            self._form.values[name] = value


class Browser:
    """Browser that follows links the way a person does.

    It chooses the account at Microsoft, accepts or declines, and presses the only button of a page.
    """

    def __init__(self, account: str, context: ssl.SSLContext) -> None:
        self.account = account
        self._client = httpx.Client(
            verify=context, follow_redirects=True, trust_env=False, timeout=30
        )

    def open(self, url: str, decision: Literal["accept", "decline"] = "accept") -> Page:
        """Open the link and continue until the person has nothing more to press.

        Raises:
            httpx.HTTPError: when a request fails.
        """
        page, done = _page(self._client.get(url)), {url}
        for _ in range(MOST_PAGES):
            step = self._next(page, done, decision)
            if step is None:
                return page
            done.add(str(step.url) if step.method == "GET" else f"{step.method} {step.url}")
            page = _page(self._client.send(step, follow_redirects=True))
        return page

    def close(self) -> None:
        """Close the connections and forget the cookies."""
        self._client.close()

    def _next(self, page: Page, done: set[str], decision: str) -> httpx.Request | None:
        for form in page.forms:
            if form.accounts:
                return self._request(page, form, {"account": self._mine(form), "action": decision})
            if not form.typed and f"{form.method} {form.action}" not in done:
                return self._request(page, form, dict(form.buttons[:1]))
        link = page.links[0] if len(page.links) == 1 else ""
        return self._client.build_request("GET", link) if link and link not in done else None

    def _mine(self, form: Form) -> str:
        """Return this person's account as the page's form lists it.

        If the form does not list the account, return the person's own name of it.
        """
        matches = [account for account in form.accounts if account.lower() == self.account.lower()]
        return matches[0] if matches else self.account

    def _request(self, page: Page, form: Form, more: dict[str, str]) -> httpx.Request:
        values = form.values | more
        if form.method == "GET":
            return self._client.build_request("GET", form.action, params=values)
        return self._client.build_request(
            "POST", form.action, data=values, headers={"Origin": _origin(page.url)}
        )


def _page(response: httpx.Response) -> Page:
    page = Page(str(response.url), response.status_code, response.text)
    _Reader(page).feed(response.text)
    return page


def _origin(url: str) -> str:
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode()}"
