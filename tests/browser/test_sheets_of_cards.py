"""Sheets with a picture of every card, for each language and theme, at three widths.

With PICTURES=1 the sheets of docs/pictures are taken again.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from adaptive_cards.locale import SOURCE
from practice.page import moving_picture
from practice.page.server import PageServer
from practice.page.web import Space
from tests.browser.test_cards_alone import ALONE, Nobody
from tests.unit.adaptive_cards import all_examples

SHOTS = Path(os.environ.get("SCREENSHOTS", "-"))  # a folder for each card as a file of its own
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
README = PICTURES / "README.md"
BLOCK = re.compile(r"(<!-- sheets: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
WIDTHS = (600, 390, 320)
GAP, COLUMNS, SCALE = 20, 7, 0.5
TALLEST = 4000  # CSS pixels of a card
PATIENCE_MS = 120_000
MOST_BYTES = 9_000_000  # of all sheets together
HOSTILE = "hostile-"  # cards that only a test sends
LANGUAGES = {SOURCE: all_examples.CARDS, **all_examples.OTHERS}
THEMES = ("light", "dark")
LEVELS = 8
"""Levels of red, green and blue on a sheet.

Fewer levels make a smaller file, and more can hardly be seen.
"""
# One card at each width, side by side, alone on the page.
GROUP = """([name, card, theme, widths, gap]) => {
  document.documentElement.dataset.theme = theme;
  const boxes = document.createElement("div");
  Object.assign(boxes.style, { display: "flex", gap: `${gap}px`, alignItems: "start", width: "max-content", padding: `${gap}px` });
  for (const width of widths) {
    const box = document.createElement("figure"), said = document.createElement("figcaption");
    Object.assign(box.style, { margin: 0, width: `${width}px` });
    Object.assign(said.style, { font: "600 18px/28px sans-serif", whiteSpace: "nowrap", overflow: "hidden" });
    said.textContent = `${name}, ${width}`;
    const shown = document.createElement("div");
    shown.className = "cardbox";
    shown.append(window.drawn(card, theme, () => {}));
    box.append(said, shown);
    boxes.append(box);
  }
  const main = document.querySelector("main");
  Object.assign(main.style, { display: "block", height: "auto", padding: "0" });
  main.replaceChildren(boxes);
  scrollTo(0, 0);
  return [boxes.offsetWidth, boxes.offsetHeight, boxes.querySelectorAll(".cardbox").length];
}"""
# The sheet is put together on a canvas, because no page can be drawn in this size at once.
BEGIN = """([width, height]) => {
  window.sheet = new OffscreenCanvas(width, height);
  window.brush = window.sheet.getContext("2d", { alpha: false });
  window.brush.fillStyle = getComputedStyle(document.body).backgroundColor;
  window.brush.fillRect(0, 0, width, height);
}"""
REDUCE = """(levels) => {
  const step = 255 / (levels - 1), { width, height } = window.sheet, rows = 500;
  for (let y = 0; y < height; y += rows) {
    const part = window.brush.getImageData(0, y, width, Math.min(rows, height - y));
    for (let at = 0; at < part.data.length; at++) part.data[at] = Math.round(Math.round(part.data[at] / step) * step);
    window.brush.putImageData(part, 0, y);
  }
}"""
ADD = """async ([png, x, y]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  window.brush.drawImage(image, x, y);
}"""


def shown(language: str) -> dict[str, Any]:
    """Return the content of every card of a language that a person can get."""
    return {
        name: card.content
        for name, card in LANGUAGES[language].items()
        if not name.startswith(HOSTILE)
    }


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Address of a page that has only the renderer, the host config and the styles."""
    app = Space(Nobody()).app()
    app.add_url_rule("/alone", view_func=lambda: flask.Response(ALONE, mimetype="text/html"))
    server = PageServer(0, app)
    server.start()
    yield f"{server.url}/alone"
    server.stop()


def placed(sizes: dict[str, list[int]]) -> tuple[dict[str, tuple[int, int]], int, int]:
    """Return the place of each card on the sheet, and the sheet's width and height.

    Each card goes to the column that is the shortest so far.
    """
    wide, tall = max(size[0] for size in sizes.values()), [0] * COLUMNS
    places = {}
    for name, (_, height, _) in sizes.items():
        column = tall.index(min(tall))
        places[name] = (round(column * wide * SCALE), round(tall[column] * SCALE))
        tall[column] += height
    return places, round(wide * COLUMNS * SCALE), round(max(tall) * SCALE)


def taken(page: Any, theme: str, cards: dict[str, Any], sizes: dict[str, list[int]]) -> bytes:
    """Return the sheet as a WebP picture that loses only colors, so that its text can be read."""
    places, width, height = placed(sizes)
    page.evaluate(BEGIN, [width, height])
    for name, card in cards.items():
        wide, tall, _ = page.evaluate(GROUP, [name, card, theme, WIDTHS, GAP])
        clip = {"x": 0, "y": 0, "width": wide, "height": tall}
        png = page.screenshot(clip=clip, animations="disabled", caret="hide", timeout=PATIENCE_MS)
        page.evaluate(ADD, [b64encode(png).decode(), *places[name]])
        if SHOTS.is_dir():
            (SHOTS / f"{name}-{theme}.png").write_bytes(png)
    page.evaluate(REDUCE, LEVELS)
    return moving_picture.encoded_canvas(page, "sheet", 1.0)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_sheet_has_every_card(browser: Any, address: str, language: str, theme: str):
    """A sheet draws each card of the language at each width.

    With PICTURES=1 the sheet is written to docs/pictures.
    """
    context = browser.new_context(
        viewport={"width": 1500, "height": TALLEST}, device_scale_factor=SCALE, color_scheme=theme
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => Boolean(window.drawn)")
    cards = shown(language)
    sizes = {
        name: page.evaluate(GROUP, [name, card, theme, WIDTHS, GAP]) for name, card in cards.items()
    }
    assert {name: size[2] for name, size in sizes.items()} == dict.fromkeys(cards, len(WIDTHS))
    assert max(size[1] for size in sizes.values()) <= TALLEST
    if os.environ.get("PICTURES"):
        sheet = PICTURES / f"cards-{language}-{theme}.webp"
        sheet.write_bytes(taken(page, theme, cards, sizes))
        assert sum(each.stat().st_size for each in PICTURES.glob("cards-*")) <= MOST_BYTES
        README.write_text(_with_sheets(README.read_text("utf-8")), "utf-8")
    context.close()


def _with_sheets(page: str) -> str:
    """Return the page of the pictures with every sheet that exists.

    The web site shows the sheet of the reader's theme.
    """
    there = [
        f"### {language}, {theme}\n\n![Every card, {language}, {theme}](cards-{language}-{theme}.webp)\n"
        for language in sorted(LANGUAGES)
        for theme in THEMES
        if (PICTURES / f"cards-{language}-{theme}.webp").exists()
    ]
    return BLOCK.sub(lambda found: f"{found[1]}\n{chr(10).join(there)}\n{found[2]}", page)
