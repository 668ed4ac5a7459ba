"""Sheets with a picture of every card: for each language, in light and dark, at three widths.

With PICTURES=1 the sheets of docs/pictures are taken again.
"""

from __future__ import annotations

import os
import re
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

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
README = PICTURES / "README.md"
BLOCK = re.compile(r"(<!-- sheets: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
WIDTHS = (600, 390, 320)
COLUMNS, SCALE, QUALITY = 7, 0.7, 0.6
PATIENCE_MS = 300_000  # a sheet has a hundred million pixels before it is scaled
MOST_BYTES = 1_000_000  # of one sheet; four of them are at most 4 MB
HOSTILE = "hostile-"  # cards that only a test sends
LANGUAGES = {SOURCE: all_examples.CARDS, **all_examples.OTHERS}
THEMES = ("light", "dark")
# Cards in groups of their widths, each group below the shortest column so far.
SHEET = """([cards, theme, widths, columns]) => {
  document.documentElement.dataset.theme = theme;
  const group = widths.reduce((sum, width) => sum + width + 20, 20), tall = Array(columns).fill(20);
  const main = document.querySelector("main");
  Object.assign(main.style, { display: "block", position: "relative", padding: "0", width: `${group * columns}px` });
  main.replaceChildren();
  const places = {};
  for (const [name, card] of Object.entries(cards)) {
    const column = tall.indexOf(Math.min(...tall)), boxes = document.createElement("div");
    Object.assign(boxes.style, {
      position: "absolute", left: `${column * group + 20}px`, top: `${tall[column]}px`, display: "flex", gap: "20px", alignItems: "start",
    });
    for (const width of widths) {
      const box = document.createElement("figure"), said = document.createElement("figcaption"), shown = document.createElement("div");
      Object.assign(box.style, { margin: 0, width: `${width}px` });
      Object.assign(said.style, { font: "600 18px/28px sans-serif", whiteSpace: "nowrap", overflow: "hidden" });
      said.textContent = `${name}, ${width}`;
      shown.className = "cardbox";
      shown.append(window.drawn(card, theme, () => {}));
      box.append(said, shown);
      boxes.append(box);
    }
    main.append(boxes);
    places[name] = boxes.querySelectorAll(".cardbox").length;
    tall[column] += boxes.offsetHeight + 30;
  }
  main.style.height = `${Math.max(...tall)}px`;
  document.body.style.cssText = "height:auto;overflow:visible";
  return { places, width: group * columns, height: Math.max(...tall) };
}"""


def shown(language: str) -> dict[str, Any]:
    """The content of every card of a language that a person can get."""
    return {
        name: card.content
        for name, card in LANGUAGES[language].items()
        if not name.startswith(HOSTILE)
    }


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Page with only the renderer, the host config and the styles of the practice space."""
    app = Space(Nobody()).app()
    app.add_url_rule("/alone", view_func=lambda: flask.Response(ALONE, mimetype="text/html"))
    server = PageServer(0, app)
    server.start()
    yield f"{server.url}/alone"
    server.stop()


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_sheet_has_every_card(browser: Any, address: str, language: str, theme: str):
    """Each card is on it at each width. With PICTURES=1 its picture is kept, of at most 1 MB."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, device_scale_factor=SCALE, color_scheme=theme
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => Boolean(window.drawn)")
    drawn = page.evaluate(SHEET, [shown(language), theme, WIDTHS, COLUMNS])
    assert drawn["places"] == dict.fromkeys(shown(language), len(WIDTHS))
    if os.environ.get("PICTURES"):
        page.set_viewport_size({"width": drawn["width"], "height": drawn["height"]})
        png = page.screenshot(animations="disabled", caret="hide", timeout=PATIENCE_MS)
        picture = moving_picture.encoded(page, png, QUALITY)
        assert len(picture) <= MOST_BYTES
        (PICTURES / f"cards-{language}-{theme}.webp").write_bytes(picture)
        README.write_text(_with_sheets(README.read_text("utf-8")), "utf-8")
    context.close()


def _with_sheets(page: str) -> str:
    """The page with every sheet that is there; the site shows the one of the reader's theme."""
    there = [
        f"### {language}, {theme}\n\n![Every card, {language}, {theme}](cards-{language}-{theme}.webp)\n"
        for language in sorted(LANGUAGES)
        for theme in THEMES
        if (PICTURES / f"cards-{language}-{theme}.webp").exists()
    ]
    return BLOCK.sub(lambda found: f"{found[1]}\n{chr(10).join(there)}\n{found[2]}", page)
