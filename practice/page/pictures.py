"""Pictures of the practice space that look the same at every start, with the words in them.

Values that differ between starts (process numbers, ports, times, generated IDs) are replaced with
fixed values while a picture is taken, and restored afterwards. The words are stored next to the
picture, so that a test can find an outdated picture.
"""

import re
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

# Applied in this order; each with the text that replaces it.
MASKS: Final = (
    (r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"),
    (r"(?<![\w-])[\w-]{43}(?:[\w-]{21})?(?![\w-])", "5d1e8a90-7c44-4f0b-a2b6-91c3f0d47e28"),
    (r"\b[0-9a-f]{32}\b", "4475e4a8d1f03b6c8a108d26d8beea04"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|\+00:00)", "2026-11-24T10:42:07Z"),
    (r"\b20\d\d-\d\d-\d\d(?= )", "2026-11-24"),
    (r"\b\d\d:\d\d:\d\d(?!\d)", "10:42:07"),
    (r"(?<![\d:])\d\d:\d\d(?![\d:])", "10:42"),
    (
        r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]* \d{4}\b",
        "24 Nov 2027",
    ),
    (r"\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b", "24 Nov"),
    (r"\b\d+ minutes?\b", "12 minutes"),
    (r"\b(localhost|127\.0\.0\.1):\d{4,5}\b", "$1:8443"),
    (r"^\d{4,5}( / STARTTLS)?$", "587$1"),
    (r"\b(run|Run|test|Webex Connect) [A-Z0-9]{6}\b", "$1 J2E7Q4"),
    (r"^(J2E7Q4|(?=[A-Z]*\d)[A-Z0-9]{6})(?=,)", "J2E7Q4"),
    (r"^(redis|cloud|web|worker) \d+", "$1 4100"),
    (r"^[^\s…]{2,4}…$", "Kx7…"),
    (r"\bedited (?:once|\d+ times)", "edited once"),
    (r"\bOrder \d+\b", "Order 4711"),
)
STEADY: Final = """masks => {
  const rules = masks.map(([pattern, shown]) => [new RegExp(pattern, "g"), shown]);
  const masked = (text) => rules.reduce((now, [pattern, shown]) => now.replace(pattern, shown), text);
  const kept = window.practiceKept = [];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    const text = node.parentElement.matches(".dot, .count") ? "1" : masked(node.data);
    if (text !== node.data) { kept.push([node, "data", node.data]); node.data = text; }
  }
  for (const field of document.querySelectorAll("input, textarea")) {
    const text = masked(field.value);
    if (text !== field.value) { kept.push([field, "value", field.value]); field.value = text; }
  }
}"""
# Number of differing pixels: the edges of round corners differ slightly every time.
UNLIKE: Final = """async urls => {
  const [one, other] = await Promise.all(urls.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height), brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0);
    return new Uint32Array(brush.getImageData(0, 0, image.width, image.height).data.buffer);
  }));
  if (one.length !== other.length) return one.length;
  return one.reduce((count, pixel, place) => count + (pixel !== other[place]), 0);
}"""
SPECKS: Final = 100
BACK: Final = "() => { for (const [node, what, text] of window.practiceKept) node[what] = text; }"


def take(page: Any, path: Path) -> None:
    """Take a picture of the visible page, unless the stored one looks the same."""
    page.evaluate(STEADY, [list(mask) for mask in MASKS])
    try:
        fresh = page.screenshot(animations="disabled", caret="hide")
    finally:
        page.evaluate(BACK)
    if not path.exists() or page.evaluate(UNLIKE, [_url(path.read_bytes()), _url(fresh)]) > SPECKS:
        path.write_bytes(fresh)


def _url(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode()}"


def words(shown: Any) -> str:
    """Return the lines of a part of the page that are the same at every start.

    These are the lines without a digit.
    """
    lines = (line.strip() for line in str(shown.inner_text()).splitlines())
    return "".join(f"{line}\n" for line in lines if line and not re.search(r"\d", line))
