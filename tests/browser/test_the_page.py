"""What the page itself owes everybody: it works by keyboard, can be read, says that it is practice, and lets no stranger in."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.commands import commands
from practice.page.host import PracticeSpace

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
PARTS = ["chat", "mail", "clouds", "faults"]


def _axe(page: Any) -> list[str]:
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [f"{each['id']}: {node['html'][:160]} {node['failureSummary'][-200:]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_wide_page_can_be_used_by_everybody(visit: Any, theme: str):
    """At 1280 pixels axe-core finds nothing against WCAG 2.2 AA, with a card on the page and the commands offered; nothing scrolls sideways."""
    visitor = visit(theme=theme)
    visitor.say("/setup-email support@contoso.com")
    visitor.card("Continue")
    visitor.page.fill("#text", "/")
    assert _axe(visitor.page) == []
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 1280
    visitor.picture(f"wide-{theme}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_narrow_page_can_be_used_by_everybody(visit: Any, theme: str):
    """At 390 pixels each of the four parts can be reached, fits, and passes axe-core."""
    visitor = visit(width=390, height=844, theme=theme)
    faults: list[str] = []
    for part in PARTS:
        visitor.page.locator(f"[data-go={part}]").click()
        visitor.picture(f"narrow-{part}-{theme}")
        faults += _axe(visitor.page)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults == []


def test_an_outsider_is_refused(visit: Any):
    """Somebody of another organisation gets a refusal 1:1, which tells nothing of any channel."""
    visitor = visit()
    visitor.be("outsider", "direct")
    before = visitor.page.locator("#messages .msg").count()
    visitor.say("/setup-email support@contoso.com")
    visitor.page.wait_for_function("count => document.querySelectorAll('#messages .msg').length > count + 1", arg=before)
    assert visitor.page.locator('.ac-pushButton[aria-label="Continue"]').count() == 0
    assert visitor.page.locator("#room-space").count() == 0
    visitor.picture("outsider")


def test_commands_are_offered_and_chosen_by_keyboard(visit: Any):
    """A slash offers every command that the bot has, arrows and Enter choose one, Escape hides them."""
    page = visit().page
    page.fill("#text", "/")
    offered = [text.removeprefix("/") for text in page.locator("#commands .mono").all_inner_texts()]
    assert set(offered) == set(commands())
    page.press("#text", "ArrowDown")
    page.press("#text", "Enter")
    assert page.input_value("#text") == f"/{offered[1]} "
    page.fill("#text", "/")
    page.press("#text", "Escape")
    assert page.locator("#commands").is_hidden()


def test_the_tour_has_five_stops(visit: Any):
    """A first visit is led through five stops, and a second one is left alone."""
    page = visit().page
    for stop in range(1, 6):
        page.locator("#tour").get_by_text(f"Tour, {stop} of 5").wait_for()
        page.locator("#tour").get_by_role("button", name=re.compile("^(Next|Done)$")).click()
    page.reload()
    page.locator("#cover").wait_for(state="hidden")
    assert page.locator("#tour").is_hidden()


def test_a_killed_worker_comes_back_and_the_card_goes_on(visit: Any, space: PracticeSpace):
    """The worker is killed with a command waiting; started again, it answers the old command and then the press of its card."""
    visitor = visit()
    stack = space.stack
    assert stack is not None
    stack.kill("worker", signal.SIGKILL, whole=True)
    stack.processes["worker"].stop()
    visitor.say("/setup-email service@contoso.com")
    visitor.page.locator("#messages .words").last.wait_for()
    stack.start("worker")
    card = visitor.card("Continue")
    values = visitor.page.locator("#generated dd .mono").all_inner_texts()
    card.get_by_label("Call Back URL").fill(values[0])
    card.get_by_label("Forwarding Address").fill(values[1])
    visitor.page.get_by_role("button", name="Kill the worker").click()
    visitor.press("Continue", card)
    visitor.card("Sign in with Microsoft")
    visitor.page.get_by_text("was killed and started again").wait_for()


def test_a_fault_without_a_channel_is_refused_in_words(visit: Any):
    """A fault that has nothing to break says so, and the switch stays off."""
    page = visit().page
    page.fill("#find", "secret_expired")
    page.locator('[data-fault="secret_expired"]').click()
    page.get_by_text("secret_expired needs a channel that is set up").wait_for()
    assert page.locator('[data-fault="secret_expired"]').get_attribute("aria-checked") == "false"


def test_weather_reaches_the_clouds(visit: Any, space: PracticeSpace):
    """The slider sets how long every cloud call takes, and the button throttles Graph."""
    page = visit().page
    page.locator("#latency").fill("150")
    page.get_by_role("button", name="Throttle the next 5 Graph calls").click()
    page.get_by_text("The next 5 calls to Graph answer 429").wait_for()
    state = {path: httpx.get(f"{space.url}/practice/api/{path}", trust_env=False).json() for path in ("health", "faults")}
    assert (state["health"]["latency_ms"], [fault["status"] for fault in state["faults"]["items"]]) == (150.0, [429])
    page.locator("#latency").fill("0")


def test_every_screen_says_that_it_is_practice(visit: Any):
    """The page, the bot's pages and the sign-in pages all carry the words."""
    visitor = visit()
    for path in ("/", "/signin/nothing", "/cloud/common/oauth2/v2.0/authorize"):
        visitor.page.goto(visitor.url + path)
        assert "Practice space" in visitor.page.inner_text("body")


def test_only_this_machine_and_only_this_page(space: PracticeSpace):
    """Another site's script, another host name and another address of this machine reach nothing."""
    stranger = httpx.post(f"{space.url}/practice/kill/web", headers={"Origin": "https://evil.example"}, trust_env=False)
    rebound = httpx.get(f"{space.url}/practice/config", headers={"Host": "evil.example"}, trust_env=False)
    assert (stranger.status_code, rebound.status_code) == (403, 403)
    with pytest.raises(httpx.ConnectError):
        httpx.get(space.url.replace("127.0.0.1", "127.0.0.2"), trust_env=False)


def test_the_guide_shows_pictures_that_are_there():
    """Every picture of docs/practice.md exists, and every file of docs/pictures is shown."""
    docs = Path(__file__).parents[2] / "docs"
    shown = set(re.findall(r"\(pictures/(.+?\.png)\)", (docs / "practice.md").read_text("utf-8")))
    assert {path.name for path in (docs / "pictures").iterdir()} == shown
