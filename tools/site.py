# ruff: noqa: INP001  (a script, not a package)
"""Build the documentation site in .site/html (make site).

The pages are those of docs/ and four of the project's top folder. They are copied to .site/source in
the form that MkDocs reads: a link to a file that is no page becomes plain text, a list is indented by
four, and a picture has a light and a dark form if both are there. MkDocs then runs in strict mode, so
a broken link or a page without a place in the menu fails.
"""

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / ".site"
CONFIG = ROOT / "tools" / "mkdocs.yml"
PROJECT = ("README.md", "CONTRIBUTING.md", "RELEASE.md", "SECURITY.md", "CHANGELOG.md")
"""Pages of the top folder; on the site they are in the folder ``project``."""
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
ITEM = re.compile(r"^(\s*)([-*]|\d+\.)( +)")
LANGUAGE = re.compile(r"\.([a-z]{2})\.md$")


def pages() -> dict[str, str]:
    """Return the file of each page by its place on the site, both as paths with slashes."""
    docs = sorted(
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")
    )
    found = {name.replace("README", "index"): f"docs/{name}" for name in docs}
    return found | {f"project/{name}": name for name in PROJECT}


def files() -> dict[str, str]:
    """Return the file of each picture by its place on the site."""
    kept = sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "docs" / "pictures").iterdir()
        if path.suffix in {".png", ".webp", ".gif", ".svg"}
    )
    return {path.removeprefix("docs/"): path for path in kept}


def written(place: str) -> str:
    """Return the text of the page at a place on the site."""
    source = pages()[place]
    text = (ROOT / source).read_text(encoding="utf-8")
    known = {file: there for there, file in (pages() | files()).items()}

    def linked(found: re.Match[str]) -> str:
        mark, words, target, anchor = found.groups()
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if file not in known:
            return words if words.startswith("`") else f"`{file}`" if words == target else words
        if file.endswith(".md") and _language(file) != _language(source):
            return f'<a href="{_other(place, known[file])}">{words}</a>'
        to = posixpath.relpath(known[file], posixpath.dirname(place) or ".")
        link = f"{mark}[{words}]({to.replace('.de.md', '.md')}{anchor or ''})"
        return link + _themed(mark, words, file, to, known)

    return indented(_outside_of_code(text, lambda part: LINK.sub(linked, part)))


def indented(text: str) -> str:
    """Return the text in the indentation that MkDocs reads.

    The parts of a list item are indented by four for each level.
    """
    shown: list[str] = []
    levels: list[int] = []
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if line.strip():
            while levels and indent < levels[-1]:
                levels.pop()
        item = ITEM.match(line)
        if item and _is_inside_an_item(shown):
            shown.append("")
        depth = len(levels)
        rest = line[levels[-1] :] if levels and line.strip() else line
        shown.append(" " * 4 * depth + rest if line.strip() else line)
        if item:
            levels.append(item.end())
    return "\n".join(shown)


def _is_inside_an_item(shown: list[str]) -> bool:
    """Return whether the last line belongs to a paragraph inside a list item.

    MkDocs needs an empty line below such a paragraph.
    """
    return bool(shown) and shown[-1].startswith("    ") and "" in shown[-3:]


def _outside_of_code(text: str, change: object) -> str:
    """Return the text with ``change`` applied to everything but fenced code."""
    parts = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    assert callable(change)  # noqa: S101  for the type checker
    return "".join(part if index % 2 else change(part) for index, part in enumerate(parts))


def _language(file: str) -> str:
    found = LANGUAGE.search(file)
    return found[1] if found else "en"


def _other(place: str, target: str) -> str:
    """Return the address of a page in the other language, as the browser at ``place`` needs it."""
    here, there = (
        f"{'' if _language(each) == 'en' else _language(each) + '/'}{_folder(each)}"
        for each in (place, target)
    )
    return f"{posixpath.relpath(there or '.', here or '.')}/"


def _folder(place: str) -> str:
    name = re.sub(r"(\.[a-z]{2})?\.md$", "", place)
    return "" if name == "index" else name


def _themed(mark: str, words: str, file: str, to: str, known: dict[str, str]) -> str:
    """Return the Markdown that shows a picture's dark form behind its light one.

    It includes the classes that say which theme shows which form. The result is empty for a picture
    without a dark form.
    """
    dark = re.sub(r"-light(\.\w+)$", r"-dark\1", file)
    if not mark or dark == file or dark not in known:
        return ""
    name, beside = posixpath.basename(dark), posixpath.dirname(to)
    return f"{{ .only-light }}![{words}]({posixpath.join(beside, name)}){{ .only-dark }}"


def collect(folder: Path) -> None:
    """Write every page and picture into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for place in pages():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(written(place), encoding="utf-8")
    for place, file in files().items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, target)


def build(mkdocs: str) -> int:
    """Collect the pages, run MkDocs in strict mode, and return its exit code."""
    collect(OUT / "source")
    command = [mkdocs, "build", "--strict", "--quiet", "--config-file", str(CONFIG)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    code = subprocess.run(command, check=False, env=env).returncode  # noqa: S603
    if not code:
        sys.stdout.write(f"The site is in {OUT / 'html'}. Open index.html there in a browser.\n")
    return code


if __name__ == "__main__":
    sys.exit(build(sys.argv[1] if sys.argv[1:] else "mkdocs"))
