"""The way of a browser from the bot's page to Microsoft and back, for the tests of this folder."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from bot import links
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from jobs.storage import codec
from tests.fixtures.bot_pages import hidden_fields

TENANT = "11111111-2222-3333-4444-555555555555"
BACK = "/microsoft/callback"
SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account(TENANT, "oid-1", "admin@contoso.com"))


def path(services, run, kind: str = "signin") -> str:
    """Return the path of the run's link of that kind."""
    return urlsplit(links.link(services, kind, run.id).url).path


def end_link(services) -> None:
    """Let the time of the only link be over."""
    (key,) = services.redis.scan_iter("sealed:page:*")
    name = key.decode().removeprefix("sealed:")
    ticket = codec.load(services.vault.get(name) or "", links.Link)
    over = replace(ticket, until=now() - timedelta(seconds=1))
    services.vault.put(name, codec.dump(over).decode(), 60)


def form_of(page) -> dict[str, str]:
    """Return the hidden fields of the page's form; none if it has no form."""
    return hidden_fields(page.text)


def press(services, browser, run, kind: str = "signin"):
    """Open the link and press the button of its page."""
    address = path(services, run, kind)
    page = browser.get(address)
    assert page.status_code == 200, page.text
    return browser.post(address, data=form_of(page))


def depart(services, browser, run, kind: str = "signin") -> dict[str, str]:
    """Open the link, press its button, and return the parameters that Microsoft gets.

    The path of Microsoft's page is under ``path``.
    """
    gone = press(services, browser, run, kind)
    assert gone.status_code == 303, gone.text
    address = urlsplit(gone.headers["Location"])
    return {
        "path": address.path,
        **{name: values[0] for name, values in parse_qs(address.query).items()},
    }


def signed(services, browser, provider, run) -> dict[str, str]:
    """Open the link, sign in, and return the query with which Microsoft sends the browser back."""
    return come_back(provider, depart(services, browser, run))


def come_back(provider, asked: dict[str, str]) -> dict[str, str]:
    """Sign in at Microsoft with the bot's parameters, and return the query of the way back."""
    query: dict[str, str] = provider.sign_in(
        f"{provider.base}/x?" + "&".join(f"{n}={v}" for n, v in asked.items())
    )
    return query


def last(services, run) -> Event:
    """Return the newest event of the run."""
    return services.store.events(run.id)[-1]
