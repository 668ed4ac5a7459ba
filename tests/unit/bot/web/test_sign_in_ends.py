"""Sign-ins that end otherwise: refused, too late, on one page, in another language."""

import html
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from adaptive_cards.locale import Locale, drawn_for
from adaptive_cards.texts import text
from bot.web import pages, sign_in
from bot.web.oauth import FLOWS
from jobs.clock import now
from jobs.clouds.errors import Rejected
from jobs.model import Account, Finding, State
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import answered, found, noted
from tests.fixtures.site import create_app
from tests.unit.bot.web.journey import BACK, SIGNED_IN, come_back, depart, last, path, signed

FACTS = {"user_id": "oid-1", "upn": "support@contoso.com", "client_id": "client-1"}


def meanwhile(monkeypatch, kind: str, act, *, first: bool = False) -> None:
    """Let something happen while Microsoft answers a callback, or just before if ``first``."""
    journey = FLOWS[kind]
    finish = journey.finish

    def slow(_: object, *answer):
        if first:
            act()
        arrival = finish(*answer)
        if not first:
            act()
        return arrival

    monkeypatch.setattr(type(journey), "finish", slow)


def test_an_account_of_another_tenant_is_told(services, browser, provider, begin):
    """The page names an account of another tenant and says what to do.

    The run does not record that somebody is signed in.
    """
    provider.domains = ["fabrikam.com"]
    provider.claims["preferred_username"] = "eve@fabrikam.com"
    run = begin()
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert page.status_code == 200
    for shown in ("eve@fabrikam.com", "example.test", path(services, run)):
        assert shown in page.text
    assert text("page.signed_in_title") not in page.text
    told = last(services, run)
    cause = {"question": "sign_in", "cause": "wrong_tenant", "code": "eve@fabrikam.com"}
    assert (told.kind, told.data | cause) == (Kind.PROBLEM, told.data)
    assert not services.vault.holds(f"session:{run.id}")
    provider.domains = ["Example.Test", "contoso.com"]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind is Kind.SIGNED_IN


def test_another_tenant_is_not_asked_for_exchange(services, browser, provider, begin):
    """An account of another tenant is refused before the second consent, and after it as well."""
    run = begin()
    provider.domains = ["fabrikam.com"]
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert (page.status_code, last(services, run).data["cause"]) == (200, "wrong_tenant")
    provider.domains = []
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    onward = browser.get(BACK, query_string=signed(services, browser, provider, run))
    provider.domains = ["fabrikam.com"]
    browser.get(BACK, query_string=provider.sign_in(onward.headers["Location"]))
    assert last(services, run).kind == Kind.PROBLEM
    assert last(services, run).data["cause"] == "wrong_tenant"


def test_not_the_person_who_was_asked(services, browser, provider, begin):
    """The rehearsal's page names the refused account, and the account that has to sign in."""
    run = begin(SIGNED_IN, found("mailbox_user", facts=FACTS | {"user_id": "oid-2"}))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    query = come_back(provider, depart(services, browser, run, "rehearsal"))
    page = browser.get(BACK, query_string=query).text
    assert text("page.refused_title", account="admin@contoso.com") in page
    assert "sign in as support@contoso.com" in page


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (["b79fbf4d-3ef9-4689-8143-76b194e85509"], True),
        (["29232CDF-9323-42fd-ade2-1d097af3e4de"], False),
        (None, False),
    ],
)
def test_an_account_without_a_role(services, browser, provider, begin, roles, told):
    """An account without an administrator's role is told so at once.

    The account is not refused, because a role group of Exchange is not in the token.
    """
    provider.claims["wids"] = roles
    run = begin()
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    title = text("page.signed_in_roleless_title" if told else "page.signed_in_title")
    assert f"<h1>{title.replace(chr(39), '&#39;')}</h1>" in page.text
    assert "admin@contoso.com" in page.text
    assert last(services, run).kind is Kind.SIGNED_IN


def test_somebody_who_is_no_administrator_is_told_who_is_needed(services, browser, begin):
    """The page for a person who is no administrator says who has to act, and leads back.

    Microsoft names nobody in this refusal.
    """
    run = begin()
    words = "AADSTS90094: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"error": "consent_required", "error_description": words}
    query["state"] = depart(services, browser, run)["state"]
    page = browser.get(BACK, query_string=query).text
    assert text("cause.admin_consent_required") in page
    assert text("page.next_admin_consent_required", domain="example.test") in page
    assert f'href="{path(services, run)}"' in page


@pytest.mark.parametrize("fails", [False, True], ids=["it_works", "it_does_not"])
def test_a_run_that_ends_during_a_sign_in(services, browser, provider, begin, monkeypatch, fails):
    """If a run ends during a sign-in, no event follows its end.

    No token of the administrator stays in the vault.
    """
    run = begin()
    query = signed(services, browser, provider, run)

    def ends() -> None:
        services.store.end(run, Event(Kind.CANCELLED, now()))
        if fails:
            raise Rejected("grant_invalid", "entra", 400)

    meanwhile(monkeypatch, "signin", ends)
    page = browser.get(BACK, query_string=query)
    assert last(services, run).kind is Kind.CANCELLED
    if not fails:
        assert (page.status_code, text("page.over_title") in page.text) == (410, True)
        assert not services.vault.holds(f"session:{run.id}")


def test_a_sign_in_that_ends_after_another_one(services, browser, provider, begin, monkeypatch):
    """If another account signs in while Microsoft answers the first one, only that account counts.

    The plan shows it, and its tokens make the changes.
    """
    run, other = begin(), Account("tenant-1", "oid-9", "other@contoso.com")
    query = signed(services, browser, provider, run)

    def another() -> None:
        services.vault.put(f"session:{run.id}", "the other's tokens", 60)
        services.store.append(run.id, Event(Kind.SIGNED_IN, now(), account=other))

    meanwhile(monkeypatch, "signin", another)
    assert text("page.done_title") in browser.get(BACK, query_string=query).text
    assert last(services, run).account == other
    assert services.vault.get(f"session:{run.id}") == "the other's tokens"


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("late", [False, True], ids=["before", "while Microsoft is asked"])
def test_a_consent_that_is_accepted_after_the_end(
    services, browser, begin, monkeypatch, made, late
):
    """The page says what Microsoft has granted, and how to revoke it.

    Undo revokes it if the run has made the app, because it deletes the app.
    """
    values = {"object_id": "" if made else "object-1"}
    app = Finding("application", State.OK, facts={"app_name": "Webex mail"}, values=values)
    run = begin(Event(Kind.CHANGING, now(), step="application", finding=app), noted(app))
    query = {"state": depart(services, browser, run, "consent")["state"], "admin_consent": "True"}

    def ends() -> None:
        services.store.end(run, Event(Kind.CANCELLED, now()))

    if late:
        meanwhile(monkeypatch, "consent", ends, first=True)
    else:
        ends()
    page = browser.get(BACK, query_string=query)
    assert (page.status_code, last(services, run).kind) == (410, Kind.CANCELLED)
    way = "press Undo on the card of run" if made else "Enterprise applications, Webex mail"
    assert "Webex mail now has what Microsoft" in html.unescape(page.text)
    assert way in page.text


def test_a_consent_that_was_declined_after_the_end(services, browser, begin):
    """A consent that was declined has granted nothing, so the link has only expired."""
    run = begin()
    query = {"state": depart(services, browser, run, "consent")["state"], "error": "access_denied"}
    services.store.end(run, Event(Kind.CANCELLED, now()))
    assert text("page.over_title") in browser.get(BACK, query_string=query).text


def test_an_expired_link_gets_its_card_a_new_one(services, browser, begin, pass_time):
    """A link is known for days, so a person who opens it late finds a new one on the card."""
    run = begin()
    late = path(services, run)
    kept = [services.redis.ttl(key) for key in services.redis.scan_iter("sealed:page:*")]
    assert min(kept) > 20 * 24 * 3600
    pass_time(20 * 24 * 3600)
    assert text("page.over_title") in browser.get(late).text
    assert [*services.cards.queue.jobs][-1].args == [run.id]
    assert path(services, run) != late


def test_one_page_asks_for_graph_and_exchange(services, browser, provider, begin):
    """One page asks for the consent to both Graph and Exchange.

    The code from that page gets a token for Graph alone.
    """
    run = begin()
    scopes = depart(services, browser, run)["scope"].split()
    assert "https://outlook.office365.com/Exchange.Manage" in scopes
    assert [each for each in scopes if each.endswith(".default")] == []
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    asked = next(form["scope"] for _, form in provider.requests if form.get("code"))
    assert "Application.ReadWrite.All" in asked
    assert "Exchange.Manage" not in asked


@pytest.mark.parametrize("number", [28000, 70011])
def test_an_entra_that_takes_one_resource_at_a_time(services, browser, provider, begin, number):
    """If Entra takes only one resource at a time, the browser goes on to a page for Graph alone.

    Nothing is recorded as a problem, unless Entra refuses Graph alone as well.
    """
    run = begin()
    state = depart(services, browser, run)["state"]
    words = f"AADSTS{number}: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"state": state, "error": "invalid_request", "error_description": words}
    there = browser.get(BACK, query_string=query)
    assert there.status_code == 303
    apart = parse_qs(urlsplit(there.headers["Location"]).query)["scope"][0].split()
    assert [each for each in apart if "Exchange.Manage" in each] == []
    assert services.store.load(run.id).problems == {}
    again = query | {"state": depart(services, browser, run)["state"]}
    alone = urlsplit(browser.get(BACK, query_string=again).headers["Location"]).query
    again |= {"state": parse_qs(alone)["state"][0]}
    assert browser.get(BACK, query_string=again).status_code == 200
    browser.get(BACK, query_string=provider.sign_in(there.headers["Location"]))
    assert last(services, run).kind is Kind.SIGNED_IN


def test_the_administrator_who_was_asked_is_preselected(services, browser, begin):
    """On the first try, Microsoft's page has the administrator who was asked preselected.

    After a problem or an earlier sign-in, Microsoft asks which account is meant.
    """
    run = begin(answered("administrator", "admin@contoso.com"))
    first = depart(services, browser, run)
    assert (first.get("login_hint"), first.get("prompt")) == ("admin@contoso.com", None)
    problem = {"question": "sign_in", "cause": "consent_declined", "code": ""}
    services.store.append(run.id, Event(Kind.PROBLEM, now(), data=problem))
    second = depart(services, browser, run)
    assert (second.get("login_hint"), second.get("prompt")) == (None, "select_account")
    services.store.append(run.id, SIGNED_IN, Event(Kind.SIGNED_OUT, now()))
    third = depart(services, browser, run)
    assert (third.get("login_hint"), third.get("prompt")) == (None, "select_account")


LINK = 'href="webexteams://im?email=emailbot@webex.bot"'


def test_a_page_at_the_end_leads_to_the_bot_in_webex(services, browser):
    """The link opens the 1:1 conversation with the bot, and the page has its account's name."""
    assert services.me.display_name == "Email Bot"
    page = browser.get("/signin/nothing").text
    assert (LINK in page, "Back to Webex" in page, ">Email Bot<" in page) == (True, True, True)


def test_a_page_with_a_button_has_only_that(services, browser, begin):
    """The page before a sign-in has one button, and no link to Webex."""
    assert services.me.display_name == "Email Bot"
    page = browser.get(path(services, begin())).text
    assert ("<form" in page, "webexteams:" in page) == (True, False)


def test_a_bot_whose_account_was_never_read_has_no_link(browser):
    """A page has no link to Webex if the bot's account was never read.

    Webex is not asked for a page, so the page is there while Webex is away.
    """
    page = browser.get("/signin/nothing")
    assert page.status_code == 404
    assert "webexteams:" not in page.text
    assert "Email bot" in page.text


@pytest.fixture
def open_site(services):
    """Return a function that opens a browser at the bot's pages, as the whole site serves them."""

    def opened(language: str = "en", zone: str = "UTC"):
        bot = replace(services.bot, default_language=language, default_timezone=zone)
        app = create_app(bot, services.redis, [sign_in.pages, pages.assets])
        app.config["SERVICES"] = replace(services, bot=bot)
        app.before_request(pages.use_browsers_language)
        return app.test_client()

    return opened


@pytest.mark.parametrize(
    ("usual", "wanted", "shown"),
    [
        ("en", "de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en", "fr-FR,fr;q=0.9,de;q=0.5,en;q=0.3", "de"),
        ("de", "en-US,en;q=0.9,de;q=0.8", "en"),
        ("de", "fr", "de"),
        ("de", None, "de"),
        ("en", "not a language;q=x", "en"),
    ],
)
def test_a_page_follows_the_browser(open_site, services, begin, usual, wanted, shown):
    """A page is in the browser's language, or else in the language of the settings.

    The page names its language for screen readers.
    """
    headers = {} if wanted is None else {"Accept-Language": wanted}
    page = open_site(usual).get(path(services, begin()), headers=headers)
    with drawn_for(Locale(shown)):
        title, button = text("page.signin_title"), text("page.signin_button")
    assert (page.status_code, f'<html lang="{shown}">' in page.text) == (200, True)
    assert (f"<h1>{title}</h1>" in page.text, f">{button}</button>" in page.text) == (True, True)


def test_the_next_request_chooses_again(open_site, services, begin):
    """A thread that served a German page serves the next one in English."""
    browser, address = open_site(), path(services, begin())
    languages = ["de", "en", "de"]
    served = [browser.get(address, headers={"Accept-Language": each}) for each in languages]
    for each, page in zip(languages, served, strict=True):
        assert f'<html lang="{each}">' in page.text
