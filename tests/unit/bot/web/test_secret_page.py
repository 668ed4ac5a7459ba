"""The one-time page for the client secret."""

import re
from urllib.parse import urlsplit

import pytest

from bot import links
from bot.cards.presenters.card_state import PostedCard, posted_card, protected, slot_of
from jobs.clock import now
from jobs.model import Account
from jobs.runs.run import Event, Kind
from tests.fixtures.run_events import answered, found
from tests.unit.bot.web.journey import end_link

SECRET = "s3cret~Value.<b>"
SIGNED_IN = Event(Kind.SIGNED_IN, now(), account=Account("tenant-1", "o", "admin@example.test"))
MADE = found("client_secret", facts={"key_id": "key-1", "client_id": "client-1"})


@pytest.fixture
def run(services, begin):
    """Run with a client secret to show."""
    made = begin(SIGNED_IN, MADE)
    services.vault.put(f"secret:{made.id}", SECRET, 60)
    return made


@pytest.fixture
def address(services, run) -> str:
    """Path of the link to the secret's page."""
    return urlsplit(links.link(services, "handover", run.id).url).path


def test_looking_burns_nothing(services, browser, run, address):
    """Previews and scanners that open the page see a button and no secret, and use nothing up."""
    pages = [browser.get(address), browser.head(address), browser.get(address)]
    assert [page.status_code for page in pages] == [200] * 3
    assert not any(SECRET in page.text for page in pages)
    assert services.vault.holds(f"secret:{run.id}")


def test_a_press_shows_it_once(services, browser, run, address):
    """A press shows the secret, escaped, with the form's other fields and the asset's one workload.

    The secret is shown once, and then deleted here and recorded as handed over. All fields of Webex
    Connect's form are in the form's order, so the page alone is enough to fill it in.
    """
    shown = browser.post(address)
    assert shown.status_code == 200
    fields = ("s3cret~Value.&lt;b&gt;", "client-1", "support@example.test")
    for each in (*fields, "it serves one workload at a time"):
        assert each in shown.text
    labels = re.findall(r'<label for="field\d+">([^<]+)</label>', shown.text)
    assert [each for each in labels if each in FORM] == list(FORM)
    assert shown.text.count("data-copy=") == len(labels)
    assert services.vault.holds(f"secret:{run.id}") is False
    assert services.store.was_secret_shown("key-1") is True
    assert [browser.post(address).status_code, browser.get(address).status_code] == [410, 410]


FORM = (
    *("Email ID", "Authentication Type", "SMTP Server", "Port", "Security"),
    *("Client ID", "Client Secret", "Authorization URL", "Scope"),
    *("Access Token URL", "Refresh Token URL"),
)
"""Fields of Webex Connect's form in its order (platforms/connect.md 1.2)."""


def test_the_button_shows_the_answer_in_the_same_page(browser, address):
    """A script shows the secret in the same page, and without the script the form works as before.

    Only this page may call the bot from a script.
    """
    page = browser.get(address)
    policy = page.headers["Content-Security-Policy"]
    assert policy.endswith("; frame-ancestors 'none'; connect-src 'self'")
    assert ("data-here" in page.text, 'method="post"' in page.text) == (True, True)
    assert "connect-src" not in browser.post(address).headers["Content-Security-Policy"]


def test_without_an_administrator_the_addresses_are_whole(services, browser, run, address):
    """The addresses on the page are complete, although the administrator's sign-in has ended.

    The tenant is still known then.
    """
    planned = Event(Kind.PLANNED, now(), data={"plan": "p"})
    services.store.append(run.id, planned, Event(Kind.SIGNED_OUT, now()))
    shown = browser.post(address).text
    assert "/tenant-1/oauth2/v2.0/authorize" in shown
    assert "/tenant-1/oauth2/v2.0/token" in shown


@pytest.mark.parametrize(
    ("upn", "login"), [("S1@contoso.test", "S1@contoso.test"), ("support@example.test", "")]
)
def test_a_login_of_its_own_can_be_copied(services, browser, run, address, upn, login):
    """The page has a login to copy only if it differs from the mailbox's address."""
    services.store.append(run.id, found("mailbox_user", facts={"upn": upn}))
    page = browser.post(address).text
    assert ("Login ID For Generating Token" in page) == bool(login)
    assert (page.count(login) > 1 if login else True) is True


@pytest.mark.parametrize("method", ["put", "delete"])
def test_no_other_method(services, browser, run, address, method):
    """Methods other than GET, HEAD and POST are refused and do not use up the secret."""
    assert getattr(browser, method)(address).status_code == 405
    assert services.vault.holds(f"secret:{run.id}")


def test_an_unknown_link(services, browser, run):
    """An unknown link and a sign-in link show nothing at the address of the secret's page."""
    signin = links.link(services, "signin", run.id).url.rpartition("/")[2]
    for path in ("/handover/none", f"/handover/{signin}"):
        assert (browser.get(path).status_code, browser.post(path).status_code) == (404, 404)
        assert browser.post(f"{path}/renew").status_code == 404
    assert services.vault.holds(f"secret:{run.id}")


def test_a_late_link_shows_nothing_but_a_way_on(services, browser, run, address):
    """A link that is used too late shows nothing but a way to get a new link.

    The new link comes 1:1 to the requester, and never on the page.
    """
    end_link(services)
    slot = slot_of(run.requester.email)
    card = protected(services, run.id, slot, PostedCard("m", "r", "x", "", now()))
    services.redis.hset(f"cards:{run.id}", slot, card)
    pages = [browser.get(address), browser.post(address), browser.post(f"{address}/renew")]
    assert [page.status_code for page in pages] == [410, 410, 200]
    assert not any(SECRET[:6] in page.text for page in pages)
    assert services.vault.holds(f"secret:{run.id}") is True
    assert posted_card(services, run.id, slot_of(run.requester.email)) is None
    assert [job.func_name for job in services.cards.queue.jobs] == ["bot.cards.draw.draw"]


def test_a_new_link_is_sent_once(services, browser, run, address):
    """While a link is good, no other is sent, however often an earlier page asks for one."""
    slot = slot_of(run.requester.email)
    card = protected(services, run.id, slot, PostedCard("m", "r", "x", "", now()))
    services.redis.hset(f"cards:{run.id}", slot, card)
    assert browser.post(f"{address}/renew").status_code == 200
    assert posted_card(services, run.id, slot) is not None
    end_link(services)
    links.link(services, "handover", run.id)  # as the card of the new link is drawn
    assert browser.post(f"{address}/renew").text == browser.post(f"{address}/renew").text
    assert posted_card(services, run.id, slot) is not None


def test_a_cancelled_run_shows_nothing(services, browser, run, address):
    """The link of a canceled run shows nothing, because the secret was dropped with the run."""
    services.vault.drop(f"secret:{run.id}")
    assert (browser.get(address).status_code, browser.post(address).status_code) == (410, 410)


@pytest.mark.parametrize("name", ["page.css", "copy.js", "reveal.js"])
def test_the_pages_own_files(browser, name):
    """The pages load their style sheet and their scripts from the bot itself."""
    page, kind = browser.get(f"/pages/{name}"), "css" if name.endswith("css") else "javascript"
    assert (page.status_code, page.mimetype, bool(page.text)) == (200, f"text/{kind}", True)


@pytest.mark.parametrize("lost", [True, False])
def test_after_a_loss_the_run_goes_on(services, browser, run, address, lost):
    """After the secret is shown, a worker looks for the token, and removes a lost secret.

    The bot and the run both record the key id of the secret that was shown.
    """
    services.vault.put(f"secret-key:{run.id}", "key-2", 60)
    if lost:
        services.store.append(run.id, answered("new_secret", "key-1"))
    assert SECRET.partition("<")[0] in browser.post(address).text
    assert [services.store.was_secret_shown(key) for key in ("key-1", "key-2")] == [False, True]
    assert services.store.load(run.id).answer("secret_shown") == "key-2"
    jobs = {f"{job.func_name} {job.args[0]}" for job in services.runs.queue.jobs}
    assert f"jobs.advance.advance {run.id}" in jobs
