"""Real browser in front of the whole practice space.

The tests of this folder are skipped, with the reason, if no browser is installed.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from practice.page import chromium, packages, pictures
from practice.page.drivers import PATIENCE_MS, Mouse
from practice.page.host import PracticeSpace
from practice.page.machine import Machine, MissingError

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
SHOWN = "".join(
    path.read_text("utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
)
SHOTS = Path(os.environ.get("SCREENSHOTS", "-"))  # a folder for looking at what a test saw
ARGUMENTS = [
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
    ),
    *("--disable-sync", "--force-color-profile=srgb", "--font-render-hinting=none"),
]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SCRIPTS = Path(__file__).with_name("scripts.js").read_text("utf-8").partition("\n")[2].strip()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def script(name: str) -> str:
    """Return the function of scripts.js with this name, as a page runs it."""
    return f"given => {SCRIPTS}.{name}(given)"


def axe(page: Any) -> list[str]:
    """Return the violations of WCAG 2.2 AA that axe-core finds with every ``<details>`` open."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [
        f"{page.url} {each['id']}: {node['html'][:160]} {node['failureSummary'][-200:]}"
        for each in found
        for node in each["nodes"]
    ]


def picture(page: Any, name: str, of: Any = None) -> None:
    """Take a picture of the page and compare the words shown with those kept in docs/pictures.

    With PICTURES=1 the pictures that the docs show are taken again, together with their words.
    """
    if of is not None:
        of.evaluate("node => node.closest('#messages') && node.scrollIntoView({ block: 'start' })")
    shown, anew = f"{PICTURES.name}/{name}.png" in SHOWN, bool(os.environ.get("PICTURES"))
    if SHOTS.is_dir():
        pictures.take(page, SHOTS / f"{name}.png")
    if not shown:
        return
    said, kept = pictures.words(of), PICTURES / f"{name}.txt"
    if anew:
        pictures.take(page, PICTURES / f"{name}.png")
        kept.write_text(said, "utf-8")
    assert said == kept.read_text("utf-8"), (
        f"docs/pictures/{name}.png is out of date: take it anew with PICTURES=1 (docs/practice.md)"
    )


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by Playwright."""
    library = pytest.importorskip(
        "playwright.sync_api", reason="the package playwright is not installed"
    )
    try:
        packages.ensure()
        found = chromium.find(Machine())
    except MissingError as error:
        pytest.skip(f"the browser tests are left out: {error}")
    with library.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield running
        running.close()


@contextmanager
def opened_space(folder: Path) -> Iterator[PracticeSpace]:
    """Run a practice space with all of its processes, on a free port."""
    running = PracticeSpace(folder / "run", 0)
    running.open()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def space(browser, tmp_path_factory):
    """Practice space of the module."""
    with opened_space(tmp_path_factory.mktemp("space")) as running:
        yield running


@pytest.fixture
def person(browser):
    """Return a function that opens a window of a browser with cookies of its own."""
    contexts = []

    def opened(width: int = 600, theme: str = "light", height: int = 720) -> Any:
        view = {"width": width, "height": height}
        contexts.append(
            browser.new_context(viewport=view, color_scheme=theme, ignore_https_errors=True)
        )
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def visit(browser, space):
    """Return a function that opens the page in a new browser context.

    An error on the console of such a page fails the test.
    """
    contexts, errors = [], []

    def opened(
        width: int = 1280,
        height: int = 860,
        theme: str = "light",
        hands: type[Mouse] = Mouse,
        language: str = "en-US",
    ) -> Mouse:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            color_scheme=theme,
            locale=language,
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text) if "Content Security Policy" in message.text else None
            ),
        )
        page.goto(f"{space.url}/?theme={theme}")
        page.locator("#cover").wait_for(state="hidden", timeout=PATIENCE_MS)
        return hands(page, context, space.url)

    yield opened
    for number, context in enumerate(contexts):
        for place, page in enumerate(context.pages if SHOTS.is_dir() else []):
            page.screenshot(path=SHOTS / f"end-{number}-{place}.png")
        context.close()
    assert errors == []
