"""The pages that lead to Microsoft, the way back, and the browser that a flow belongs to."""

from urllib.parse import parse_qs, urlsplit

import pytest

from adaptive_cards.texts import text
from bot.web import oauth, secret_page, sign_in
from bot.web.oauth import Flow
from bot.web.pages import HOST_COOKIE, LOOPBACK_COOKIE, assets, form_token, is_browser_of
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from tests.fixtures.copies import replace
from tests.fixtures.run_events import changing, found
from tests.fixtures.site import create_app
from tests.unit.bot.web import journey
from tests.unit.bot.web.journey import (
    BACK,
    SIGNED_IN,
    TENANT,
    depart,
    end_link,
    form_of,
    last,
    path,
    press,
    signed,
)

APP = found("application", facts={"client_id": "email-app", "app_name": "Mail"})


def test_the_page_says_for_what_and_by_whom(services, browser, begin):
    """The sign-in page names the mailbox and the requester, and leads to Microsoft.

    The request has PKCE, a state of 256 bits, a nonce, and no consent prompt.
    """
    run = begin()
    page = browser.get(path(services, run))
    asked = depart(services, browser, run)
    assert ("support@example.test" in page.text, "anna@example.test" in page.text) == (True, True)
    assert (asked["code_challenge_method"], asked["prompt"]) == ("S256", "select_account")
    back = f"https://bot.example.test{BACK}"
    assert (asked["client_id"], asked["redirect_uri"]) == ("client-1", back)
    assert (len(asked["state"]) >= 43, bool(asked["nonce"])) == (True, True)


def test_a_sign_in(services, browser, provider, begin):
    """A sign-in is saved encrypted for the run, recorded with its account, and wakes a worker.

    The account is that of the validated token. The event has both token requests, and the
    permissions that the sign-in asked for.
    """
    run = begin()
    asked = depart(services, browser, run)
    page = browser.get(BACK, query_string=journey.come_back(provider, asked))
    event, admin = last(services, run), "admin@contoso.com"
    assert (page.status_code, admin in page.text) == (200, True)
    assert (event.kind, event.by, event.data["calls"].count("POST")) == (Kind.SIGNED_IN, admin, 2)
    assert (event.account and event.account.tenant_id) == TENANT
    assert services.vault.holds(f"session:{run.id}")
    jobs = (*services.runs.queue.jobs, *services.cards.queue.jobs)
    assert {str(job.func_name) for job in jobs} == {"jobs.advance.advance", "bot.cards.draw.draw"}
    names = services.store.load(run.id).permissions
    assert set(names) < set(asked["scope"].split())
    assert event.data["permissions"] == " ".join(names)
    assert "Application.ReadWrite.All" in names


@pytest.mark.parametrize("number", [65001, 50076])
def test_exchange_asks_for_more_than_graph(services, browser, provider, begin, number):
    """If Exchange needs more than Graph, the browser continues to a sign-in for Exchange.

    Exchange may need consent or a second factor. The result of the second sign-in counts.
    """
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", number)]
    onward = browser.get(BACK, query_string=signed(services, browser, provider, run))
    address = onward.headers.get("Location", "")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert onward.status_code == 303
    assert "https://outlook.office365.com/.default" in asked.get("scope", "")
    assert browser.get(BACK, query_string=provider.sign_in(address)).status_code == 200
    assert last(services, run).kind == Kind.SIGNED_IN
    assert services.vault.holds(f"session:{run.id}") is True


@pytest.mark.parametrize(("number", "at_once"), [(53003, True), (50076, False)])
def test_more_than_a_sign_in_can_give(services, browser, provider, begin, number, at_once):
    """A sign-in that a policy forbids fails at once, and any other fails after the second sign-in.

    So no person is sent around in circles.
    """
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", number) for _ in range(2)]
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    if not at_once:
        page = browser.get(BACK, query_string=provider.sign_in(page.headers["Location"]))
    assert (page.status_code, f"AADSTS{number}" in page.text) == (200, True)
    assert last(services, run).kind == Kind.PROBLEM


@pytest.mark.parametrize(
    "query", [{}, {"state": ""}, {"state": "made-up", "code": "x"}, {"error": "access_denied"}]
)
def test_a_state_that_was_never_given_out(browser, query):
    """A state that was never issued gets 400 and has no effect."""
    page = browser.get(BACK, query_string=query)
    assert (page.status_code, text("page.over_title") in page.text) == (400, True)


def test_a_sign_in_that_another_version_began(services, browser, provider, begin):
    """A flow that this version cannot read is over, and the run may begin another one."""
    run = begin()
    query = signed(services, browser, provider, run)
    name = f"flow:{query['state']}"
    services.vault.put(name, services.vault.get(name).replace('"kept"', '"flow"'), 60)
    page = browser.get(BACK, query_string=query)
    assert (page.status_code, text("page.over_title") in page.text) == (400, True)
    assert last(services, run).kind != Kind.SIGNED_IN


def test_a_declined_sign_in_is_told(services, browser, begin):
    """A declined sign-in is shown on the page and recorded, with Microsoft's own code."""
    run = begin()
    state = depart(services, browser, run)["state"]
    words = "AADSTS65004: No. Trace ID: t Correlation ID: c Timestamp: 2026-11-25 09:00:00Z"
    query = {"state": state, "error": "access_denied", "error_description": words}
    page = browser.get(BACK, query_string=query)
    event = last(services, run)
    told = {"question": "sign_in", "cause": "consent_declined"}
    assert (event.kind, event.data | told) == (Kind.PROBLEM, event.data)
    assert ("AADSTS65004" in page.text, page.status_code) == (True, 200)


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"nonce": "another"}, {"exp": 1}, {"tid": "another"}]
)
def test_a_token_that_is_not_ours(services, browser, provider, begin, claims):
    """A token with a wrong audience, nonce, tenant or expiry does not sign a person in."""
    run = begin()
    provider.claims.update(claims)
    browser.get(BACK, query_string=signed(services, browser, provider, run))
    assert last(services, run).kind == Kind.PROBLEM
    assert services.vault.holds(f"session:{run.id}") is False


OTHERS_TENANT = "99999999-2222-3333-4444-555555555555"
PLANNED = Event(Kind.PLANNED, now(), data={"plan": "p"})
CHANGING = changing("application")
APPROVED = Event(Kind.APPROVED, now(), data={"plan": "p", "scope": "mailbox"})


@pytest.mark.slow
@pytest.mark.parametrize("tenant", [TENANT, OTHERS_TENANT])
@pytest.mark.parametrize(
    "word",
    [(), (APPROVED,), (APPROVED, CHANGING), (APPROVED, CHANGING, Event(Kind.DETAILS, now()))],
)
def test_a_run_stays_in_its_tenant(services, browser, provider, begin, word, tenant):
    """After a plan was approved, an administrator of another tenant is refused and named.

    Before, a person who picked the wrong account may pick one of another tenant.
    """
    counts = tenant == TENANT or not word
    admin = Event(Kind.SIGNED_IN, now(), account=Account(tenant, "oid-1", "admin@contoso.com"))
    run = begin(admin, PLANNED, *word, Event(Kind.SIGNED_OUT, now()))
    page = browser.get(BACK, query_string=signed(services, browser, provider, run))
    event, refused = last(services, run), text("page.refused_title", account="admin@contoso.com")
    assert event.kind == (Kind.SIGNED_IN if counts else Kind.PROBLEM)
    assert counts or (event.data["code"], refused in page.text) == ("admin@contoso.com", True)
    assert services.vault.holds(f"session:{run.id}") == counts


def test_of_two_who_sign_in_the_first_counts(services, browser, provider, begin):
    """If another person has signed in first, a late sign-in replaces no account and no token."""
    run = begin()
    query = signed(services, browser, provider, run)
    first = Account(TENANT, "oid-2", "first@contoso.com")
    services.store.append(run.id, replace(SIGNED_IN, account=first))
    page = browser.get(BACK, query_string=query)
    account = services.store.load(run.id).account
    assert text("page.done_title") in page.text
    assert (account and account.upn) == "first@contoso.com"
    assert not services.vault.holds(f"session:{run.id}")


def test_a_link_of_an_ended_run(services, browser, provider, begin):
    """An ended run gets 410 on the way to Microsoft and on the way back, and so does a lost one."""
    run = begin()
    query = signed(services, browser, provider, run)
    services.store.end(run, Event(Kind.CANCELLED, now()))
    assert browser.get(path(services, run)).status_code == 410
    assert browser.get(BACK, query_string=query).status_code == 410
    assert services.store.load(run.id).account is None
    assert browser.get(path(services, replace(run, id="LOST"))).status_code == 410


def test_an_unknown_link(services, browser, begin):
    """An unknown link, and one of another kind, gets 404, and a link whose time is up 410."""
    address = path(services, begin())
    other = address.replace("/signin/", "/consent/")
    for unknown in ("/signin/none", "/consent/none", "/rehearsal/none", other):
        assert browser.get(unknown).status_code == 404
    end_link(services)
    assert browser.get(address).status_code == 410


def test_somebody_is_signed_in_already(services, browser, begin):
    """If a person has signed in already, the page says so and has no button."""
    page = browser.get(path(services, begin(SIGNED_IN)))
    assert page.status_code == 200
    assert text("page.done_title") in page.text
    assert form_of(page) == {}


@pytest.mark.parametrize(
    ("query", "kind", "cause"),
    [
        ({"admin_consent": "True", "tenant": TENANT.upper()}, Kind.ANSWERED, None),
        ({"admin_consent": "True", "tenant": "another"}, Kind.PROBLEM, "wrong_tenant"),
        ({"error": "access_denied", "tenant": TENANT}, Kind.PROBLEM, "consent_declined"),
        ({}, Kind.PROBLEM, "consent_declined"),
    ],
)
def test_admin_consent(services, browser, begin, query, kind, cause):
    """A consent redirect is recorded as an answer, but a refusal or another tenant as a problem."""
    run = begin(SIGNED_IN, APP)
    asked = depart(services, browser, run, "consent")
    assert asked["client_id"] == "email-app"
    assert asked["redirect_uri"] == "https://bot.example.test/microsoft/callback"
    browser.get(BACK, query_string=query | {"state": asked["state"]})
    event = last(services, run)
    assert (event.kind, event.data["question"], event.data.get("cause")) == (kind, "consent", cause)


def test_a_state_is_sealed_and_ends(services, redis):
    """A state keeps the PKCE verifier and the nonce for ten minutes.

    Both are unreadable in Redis and in a repr.
    """
    oauth.save(services, "state-1", Flow("signin", "R1", {"code_verifier": "verifier-1"}))
    assert 0 < redis.ttl("sealed:flow:state-1") <= 600
    assert b"verifier-1" not in redis.get("sealed:flow:state-1")
    flow = oauth.read(services, "state-1", once=True)
    assert flow.kept == {"code_verifier": "verifier-1"}
    assert "verifier-1" not in repr(flow)
    assert oauth.read(services, "state-1", once=True) is None


FACTS = {"user_id": "oid-1", "upn": "support@contoso.com", "client_id": "client-1"}
KNOWN = found("mailbox_user", facts=FACTS)


def kept(services) -> dict[bytes, bytes]:
    """Return everything in Redis without its times of expiry."""
    return {key: services.redis.dump(key) for key in services.redis.scan_iter()}


def test_looking_asks_nobody_and_keeps_nothing(
    services, browser, another, provider, webex_script, begin
):
    """The first page calls no other host and writes nothing, however often scanners open it."""
    address = path(services, begin())
    assert browser.head(BACK).status_code == 200  # after which the web process knows the data
    before, asked = kept(services), len(webex_script.asked)
    for client in (browser, another):
        assert [client.get(address).status_code, client.head(address).status_code] == [200, 200]
    assert (kept(services), provider.requests, len(webex_script.asked)) == (before, [], asked)


def test_the_cookie(services, browser, begin):
    """Only this host gets the cookie, over https, and no script reads it.

    A second page keeps the cookie of the first page.
    """
    run = begin()
    first = browser.get(path(services, run)).headers["Set-Cookie"]
    name, _, rest = first.partition("=")
    value, *attributes = rest.split("; ")
    assert name == HOST_COOKIE
    assert len(value) == 43
    assert set(attributes) == {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
    assert browser.get(path(services, run)).headers["Set-Cookie"] == first


def test_the_cookie_over_plain_http(services, begin):
    """Over http on this machine, the cookie's name lacks the prefix, which would need Secure."""
    local = replace(services, bot=replace(services.bot, public_url="http://localhost:8080"))
    app = create_app(local.bot, local.redis, [sign_in.pages, secret_page.pages, assets])
    app.config["SERVICES"] = local
    client = app.test_client()
    run = begin()
    name, _, rest = client.get(path(local, run)).headers["Set-Cookie"].partition("=")
    assert (name, rest.split("; ")[1:]) == (LOOPBACK_COOKIE, ["HttpOnly", "Path=/", "SameSite=Lax"])
    assert press(local, client, run).status_code == 303


@pytest.mark.parametrize("given", ["", "x" * 64, "\u00fc"])
def test_a_press_from_elsewhere(services, browser, provider, begin, given):
    """Another site does not know the form's token, so it cannot begin a flow in this browser."""
    address = path(services, begin())
    browser.get(address)
    before = kept(services)
    refused = browser.post(address, data={"form": given})
    assert (refused.status_code, text("page.no_cookie_title") in refused.text) == (403, True)
    assert (kept(services), provider.requests) == (before, [])


def test_a_press_without_the_cookie(services, browser, another, begin):
    """The form of one browser does not work in another browser, or without cookies."""
    address = path(services, begin())
    form = form_of(browser.get(address))
    assert another.post(address, data=form).status_code == 403
    another.get(address)
    assert another.post(address, data=form).status_code == 403
    assert browser.post(address, data=form).status_code == 303


def test_a_form_is_for_one_link(services, browser, begin):
    """The token of one request's page does not press the button of another request's page."""
    run = begin(SIGNED_IN, KNOWN)
    form = form_of(browser.get(path(services, run, "consent")))
    assert browser.post(path(services, run, "rehearsal"), data=form).status_code == 403
    assert form_token("browser", "/a") != form_token("browser", "/b")


@pytest.mark.parametrize("kind", ["signin", "consent", "rehearsal"])
def test_another_browser_does_not_come_back(services, browser, another, provider, begin, kind):
    """If another browser comes back from Microsoft, its page says which browser to use.

    Nothing is used up, and the first browser then finishes.
    """
    run = begin(*(() if kind == "signin" else (SIGNED_IN, KNOWN)))
    services.vault.put("check-secret:support@example.test", "s3cr~t.Value", 60)
    asked = depart(services, browser, run, kind)
    granted = {"admin_consent": "True", "tenant": TENANT, "state": asked["state"]}
    query = granted if kind == "consent" else journey.come_back(provider, asked)
    before = services.store.events(run.id)
    for client in (another, browser.application.test_client()):
        page = client.get(BACK, query_string=query)
        assert (page.status_code, text("page.other_browser_title") in page.text) == (403, True)
    another.get(path(services, run, kind))  # a cookie of its own does not help
    assert another.get(BACK, query_string=query).status_code == 403
    assert services.store.events(run.id) == before
    assert browser.get(BACK, query_string=query).status_code == 200
    assert last(services, run).kind is (Kind.SIGNED_IN if kind == "signin" else Kind.ANSWERED)


def test_the_second_part_stays_in_the_browser(services, browser, another, provider, begin):
    """The second sign-in, for Exchange, also comes back only to the browser in which it began."""
    run = begin()
    provider.at_refresh = [provider.refuse(400, "invalid_grant", 65001)]
    onward = browser.get(BACK, query_string=journey.signed(services, browser, provider, run))
    query = provider.sign_in(onward.headers["Location"])
    assert another.get(BACK, query_string=query).status_code == 403
    assert last(services, run).kind == Kind.DETAILS
    assert browser.get(BACK, query_string=query).status_code == 200


def test_two_flows_in_one_browser(services, browser, provider, begin):
    """A press in a second window leaves the first window's sign-in as it is.

    A state is used once: the same answer of Microsoft gets 400 the second time.
    """
    run = begin()
    first, second = (journey.signed(services, browser, provider, run) for _ in range(2))
    assert first["state"] != second["state"]
    assert [browser.get(BACK, query_string=first).status_code for _ in range(2)] == [200, 400]
    assert (last(services, run).kind, len(services.store.events(run.id))) == (Kind.SIGNED_IN, 3)


def test_a_state_without_a_browser_fits_none():
    """A state that names no browser fits none, so the person begins once more."""
    assert not is_browser_of("", "")
    assert not is_browser_of("", "x" * 43)


def test_the_form_may_lead_to_microsoft(services, browser, provider, begin):
    """The policy of these pages lets their form lead to Microsoft, and only over https.

    Chromium checks the redirect after a form, too, and no other page leads out.
    """
    allowed = browser.get(path(services, begin())).headers["Content-Security-Policy"]
    assert f"form-action 'self' https: {provider.base};" in allowed
    assert "form-action 'self';" in browser.get(BACK).headers["Content-Security-Policy"]


def test_who_asks_where_and_for_what(services, browser, webex_script, reply, begin):
    """The page names the person and the space as Webex does. Their names are not markup."""
    webex_script.on("GET", "/rooms/room-1", reply(body={"id": "room-1", "title": "Desk <b>1</b>"}))
    run = begin()
    page = browser.get(path(services, run)).text
    shown = ("anna@example.test (Anna)", "Desk &lt;b&gt;1&lt;/b&gt;", run.id)
    for each in (*shown, "the email channel of support@example.test", text("page.request_note")):
        assert each in page


def test_a_name_that_webex_does_not_tell(
    services, browser, webex_script, reply, begin, hasty_retries
):
    """If Webex gives no names, the page shows the address, which is known without Webex."""
    webex_script.on("GET", "/people/anna", reply(404, {"message": "no"}))
    webex_script.on("GET", "/rooms/room-1", reply(404, {"message": "no"}))
    page = browser.get(path(services, begin())).text
    assert [">anna@example.test<" in page, text("page.place_unnamed") in page] == [True, True]


def test_microsoft_is_slow(services, browser, provider, begin):
    """If Microsoft's discovery document does not come, the page is a 503 with the same button.

    A refusal is a 502. The button works as soon as Microsoft answers.
    """
    run = begin()
    provider.discovery = (503, {}, b"")
    page = press(services, browser, run)
    assert (page.status_code, page.headers["Retry-After"], bool(form_of(page))) == (503, "5", True)
    assert text("page.busy_title") in page.text
    provider.discovery = (400, {"Content-Type": "application/json"}, b'{"error": "invalid_tenant"}')
    assert press(services, browser, run).status_code == 502
    provider.discovery = None
    assert browser.post(path(services, run), data=form_of(page)).status_code == 303


def test_all_slots_are_taken(services, browser, provider, begin, monkeypatch):
    """If all slots for Microsoft are taken, neither a press nor a callback waits.

    Neither of them is used up.
    """
    run = begin()
    query = journey.signed(services, browser, provider, run)
    asked = len(provider.requests)
    with monkeypatch.context() as full:
        full.setattr("bot.web.sign_in._slots.acquire", lambda **_: False)
        pressed = press(services, browser, run)
        back = browser.get(BACK, query_string=query)
    assert (pressed.status_code, back.status_code, len(provider.requests)) == (503, 503, asked)
    again = back.text.partition('href="')[2].partition("#")[0]
    assert f"{BACK}?code={query['code']}&amp;state={query['state']}" in again
    assert browser.get(BACK, query_string=query).status_code == 200
    assert last(services, run).kind is Kind.SIGNED_IN
