"""Names that the product reads in answers, and its requests and cmdlets, taken from its source."""

import ast
import inspect
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from jobs.clouds.errors import CloudError
from jobs.clouds.json_values import Json
from jobs.microsoft.graph import APPLICATIONS, GRANTS, PRINCIPALS, Graph

ROOT = Path(__file__).parents[2]
_WORD = re.compile(r"[A-Za-z@][\w.@]*")
_CMDLET = re.compile(r"(?:Get|Set|New|Remove|Enable|Disable|Test)-[A-Z]\w+")


@cache
def names_read() -> frozenset[str]:
    """Return every word in the texts of the source of the jobs and the bot.

    A key that the product reads is among them, because it is read by its name. Docstrings do not
    count. Names that are put together at run time are not found; no key of an answer is read that
    way.
    """
    return frozenset(word for text in _texts() for word in _WORD.findall(text))


@cache
def cmdlets_asked() -> frozenset[str]:
    """Return the cmdlets that the product runs.

    The product puts the names of some cmdlets together from parts.
    """
    whole = {name for text in _texts() for name in _CMDLET.findall(text)}
    parts = {text for text in _texts() if text.startswith("HostedOutbound")}
    verbs = ("Get-", "Set-", "New-", "Remove-")
    return frozenset(whole | {f"{verb}{part}" for verb in verbs for part in parts})


def _texts() -> Iterator[str]:
    for folder in ("jobs", "bot"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                is_text = isinstance(node, ast.Constant) and id(node) not in docs
                if is_text and isinstance(node.value, str):
                    yield node.value


_MARK = "recorded-mark"
_KEY = re.compile(
    r"\(\w*=?'[^']*'\)|/[^/(]*(?:" + _MARK + r"|@|[0-9a-f]{8}-|Testing)[^/]*", re.IGNORECASE
)


ANY_PATH = {"find", "get", "collection", "send", "update", "delete"}
"""Methods of the Graph client that take any path, or any kind of object."""


def template(method: str, path: str) -> str:
    """Return a request's method and path in lower case, with each key in the path as ``{}``."""
    form = _KEY.sub("/{}", path.removeprefix("/v1.0").removeprefix("/beta"))
    return f"{method} {form}".lower()


async def requests_to_graph() -> frozenset[str]:
    """Return the requests of all methods of the product's Graph client, as templates."""
    seen: set[str] = set()

    def answer(request: httpx.Request) -> httpx.Response:
        seen.add(template(request.method, request.url.path))
        return httpx.Response(200, json={"value": []})

    async def token() -> str:
        return "token-1"

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        graph = Graph(http, token, "https://graph.microsoft.com")
        for name in vars(Graph).keys() - ANY_PATH:
            method = getattr(graph, name)
            if not name.startswith("_") and inspect.iscoroutinefunction(method):
                parameters = inspect.signature(method).parameters.values()
                given = [_value(each) for each in parameters if each.kind is not each.KEYWORD_ONLY]
                with suppress(CloudError):
                    await method(*given)
        for kind in (APPLICATIONS, PRINCIPALS, GRANTS):
            await graph.update(kind, _MARK, {})
            await graph.delete(kind, _MARK)
    return frozenset(seen)


def _value(parameter: inspect.Parameter) -> Any:
    """Return a value of the right type for a parameter of a method."""
    values: dict[Any, Any] = {
        str: _MARK,
        datetime: datetime(2026, 1, 1, tzinfo=UTC),
        Json: {},
        str | None: None,
        tuple[str, ...]: (),
    }
    return values[parameter.annotation]
