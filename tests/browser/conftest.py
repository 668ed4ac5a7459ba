"""A real browser in front of the whole practice space, for the tests of this folder; skipped, with the reason, where there is none."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from practice.page import packages
from practice.page.host import PracticeSpace

ROOT = Path(__file__).parents[2]
GUIDE, PICTURES = ROOT / "docs" / "practice.md", ROOT / "docs" / "pictures"
SHOTS = Path(os.environ.get("SCREENSHOTS", "-"))  # a folder for looking at what a test saw
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none"),
]
SECRET = re.compile(r"^\w{2,4}[QRq]~")
PATIENCE_MS = 30_000


def _chromium() -> str:
    """Chromium of the machine; installed where that can be done, skipped with the reason where not."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium", "fonts-inter"]):
            subprocess.run(command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, check=False)  # noqa: S603  our own words
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium on this machine, and it cannot be installed: the browser tests are left out")
    return found


def _button(title: str) -> str:
    """A card's button by its title: the renderer makes a link of those that open an address."""
    return f'.ac-pushButton[aria-label="{title}"]'


@dataclass(slots=True)
class Visitor:
    """Somebody in front of the practice space."""

    page: Any
    context: Any
    url: str

    def be(self, person: str, room: str = "") -> None:
        """Choose who one is, and the conversation: ``space`` or ``direct``."""
        self.page.locator(f"#people [data-person={person}] input").check(force=True)
        if room:
            self.page.locator(f"#room-{room}").click()

    def say(self, text: str) -> None:
        """Type into the box and send."""
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def card(self, button: str) -> Any:
        """The newest card with a button of this title."""
        found = self.page.locator("#messages .cardbox").filter(has=self.page.locator(_button(button))).last
        found.wait_for(timeout=PATIENCE_MS)
        return found

    def press(self, button: str, card: Any = None) -> None:
        """Press a card's button."""
        (card or self.card(button)).locator(_button(button)).last.click()

    def open(self, button: str) -> Any:
        """Press a button that is a link; returns the page it opens."""
        card = self.card(button)
        with self.context.expect_page() as opened:
            card.locator(_button(button)).last.click()
        opened.value.wait_for_load_state()
        return opened.value

    def sees(self, text: str) -> None:
        """Wait until the conversation says this somewhere."""
        self.page.locator("#messages").get_by_text(text).last.wait_for(timeout=PATIENCE_MS)

    def picture(self, name: str) -> None:
        """Take a picture; with PICTURES=1 those that docs/practice.md shows are taken anew."""
        shown = f"({PICTURES.name}/{name}.png)" in GUIDE.read_text("utf-8")
        folder = PICTURES if shown and os.environ.get("PICTURES") else SHOTS
        if folder.is_dir():
            self.page.screenshot(path=folder / f"{name}.png")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by Playwright."""
    library = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    try:
        packages.ensure()
    except packages.MissingError as error:
        pytest.skip(f"the page's packages cannot be had: {error}")
    with library.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def space(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PracticeSpace]:
    """The practice space with all of its processes, on a free port."""
    running = PracticeSpace(tmp_path_factory.mktemp("space") / "run", 0)
    running.open()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def visit(browser: Any, space: PracticeSpace) -> Iterator[Callable[..., Visitor]]:
    """Opens the page in a new browser context; whatever it says on the console as an error fails the test."""
    contexts, errors = [], []

    def opened(width: int = 1280, height: int = 860, theme: str = "light") -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None)
        page.goto(f"{space.url}/?theme={theme}")
        page.locator("#cover").wait_for(state="hidden", timeout=PATIENCE_MS)
        return Visitor(page, context, space.url)

    yield opened
    for number, context in enumerate(contexts):
        for place, page in enumerate(context.pages if SHOTS.is_dir() else []):
            page.screenshot(path=SHOTS / f"end-{number}-{place}.png")
        context.close()
    assert errors == []


def microsoft(page: Any, account: str, decision: str = "Accept") -> None:
    """Choose an account on Microsoft's pages (one for each resource), accept or decline, until the bot's page is there."""
    page.wait_for_url("**/cloud/**")
    while "/cloud/" in page.url:
        before = page.url
        page.locator(f'input[name=account][value="{account}"]').check()
        page.get_by_role("button", name=decision, exact=True).click()
        page.wait_for_url(lambda url, before=before: url != before)


@pytest.fixture
def sign_in() -> Callable[..., None]:
    """Microsoft's page, used."""
    return microsoft
