"""Markdown as Webex renders it: HTML, plain text, and the mentions (platforms/webex.md 2)."""

import html
import re

from practice.webex.model import Person, Version
from practice.webex.world import World

MENTION = re.compile(
    r"<@(?P<kind>personEmail|personId):(?P<who>[^|>]+)(?:\|(?P<name>[^>]*))?>|<@(?P<group>all|here)>"
)
RULES = (
    (re.compile(r"```\w*\n?(.*?)```", re.DOTALL), r"<pre><code>\1</code></pre>"),
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*", re.DOTALL), r"<strong>\1</strong>"),
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*"), r"<em>\1</em>"),
    (re.compile(r"(?<!\w)_([^_\n]+)_(?!\w)"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)"), r'<a href="\2" rel="nofollow">\1</a>'),
    (re.compile(r" {2,}\n"), "<br/>"),
)
TAG = re.compile(r"<[^>]+>")


def mark(person: Person) -> str:
    """Return a mention as it appears in ``html``: only the first name is visible."""
    return (
        '<spark-mention data-object-type="person" '
        f'data-object-id="{person.id}">{html.escape(person.first_name)}</spark-mention>'
    )


def version(world: World, text: str, markdown: str) -> Version:
    """Return a message's contents from its Markdown.

    ``html`` and the mentions come from the Markdown, and ``text`` too if none was sent.
    """
    if not markdown:
        return Version(text=text)
    people, groups = _mentions(world, markdown)
    rendered = _render(world, markdown)
    plain = html.unescape(TAG.sub("", rendered.replace("<br/>", "\n"))).strip()
    return Version(
        text=text or plain,
        markdown=markdown,
        html=f"<p>{rendered}</p>",
        mentioned=tuple(people),
        mentioned_groups=tuple(groups),
    )


def _person(world: World, match: re.Match[str]) -> Person | None:
    if match["group"]:
        return None
    if match["kind"] == "personId":
        return world.people.get(match["who"])
    return next(
        (each for each in world.people.values() if each.email == match["who"].lower()), None
    )


def _mentions(world: World, markdown: str) -> tuple[list[str], list[str]]:
    found = list(MENTION.finditer(markdown))
    people = [person.id for match in found if (person := _person(world, match))]
    return list(dict.fromkeys(people)), list(
        dict.fromkeys(match["group"] for match in found if match["group"])
    )


def _render(world: World, markdown: str) -> str:
    parts, end = [], 0
    for match in MENTION.finditer(markdown):
        parts += [_plain_markdown(markdown[end : match.start()]), _mention_html(world, match)]
        end = match.end()
    return "".join([*parts, _plain_markdown(markdown[end:])])


def _mention_html(world: World, match: re.Match[str]) -> str:
    if match["group"]:
        return (
            '<spark-mention data-object-type="groupMention" '
            f'data-group-type="{match["group"]}">All</spark-mention>'
        )
    person = _person(world, match)
    return mark(person) if person else html.escape(match["name"] or match["who"])


def _plain_markdown(text: str) -> str:
    result = html.escape(text, quote=False)
    for pattern, replacement in RULES:
        result = pattern.sub(replacement, result)
    return result
