"""The way of a browser from the bot's page to Microsoft and back, for the tests of this folder."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient

from bot import links
from bot.services import Services
from jobs.runs.run import Event, Run

TENANT = "11111111-2222-3333-4444-555555555555"
BACK = "/microsoft/callback"


def path(services: Services, run: Run, kind: str = "signin") -> str:
    """The run's link."""
    return urlsplit(links.link(services, kind, run.id).url).path


def away(page: Any) -> str:
    """Return the address that the page's button opens."""
    return (
        page.text.partition('href="https://' if 'href="https://' in page.text else 'href="http://')[
            2
        ]
        .partition('"')[0]
        .replace("&amp;", "&")
    )


def depart(
    services: Services, browser: FlaskClient, run: Run, kind: str = "signin"
) -> dict[str, str]:
    """Open the link; what Microsoft is asked."""
    page = browser.get(path(services, run, kind))
    assert page.status_code == 200, page.text
    return {name: values[0] for name, values in parse_qs(urlsplit("//" + away(page)).query).items()}


def signed(services: Services, browser: FlaskClient, provider: Any, run: Run) -> dict[str, str]:
    """Open the link and sign in; the query with which Microsoft sends back."""
    asked = depart(services, browser, run)
    return come_back(provider, asked)


def come_back(provider: Any, asked: dict[str, str]) -> dict[str, str]:
    """Sign in at Microsoft with what the bot asked there; the query with which Microsoft sends back."""
    query: dict[str, str] = provider.sign_in(
        f"{provider.base}/x?" + "&".join(f"{n}={v}" for n, v in asked.items())
    )
    return query


def last(services: Services, run: Run) -> Event:
    """The newest event."""
    return services.store.events(run.id)[-1]
