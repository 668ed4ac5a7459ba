"""OData query options that are supported: $filter, $select, $top, $count and $skiptoken."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from practice.microsoft.graph.call import Answer, Call, GraphError, bad

Json = dict[str, Any]
VALUE: Final = r"(?:'(?P<text>(?:[^']|'')*)'|(?P<bare>[^\s()']+))"
COMPARISON: Final = re.compile(
    rf"(?P<name>[\w/]+)\s+(?P<op>eq|ne|ge|gt|le|lt)\s+{VALUE}", re.IGNORECASE
)
FUNCTION: Final = re.compile(
    rf"(?P<op>contains|startswith|endswith)\s*\(\s*(?P<name>[\w/]+)\s*,\s*{VALUE}\s*\)",
    re.IGNORECASE,
)
LAMBDA: Final = re.compile(
    rf"(?P<name>[\w/]+)/(?P<op>any)\s*\(\s*(\w+)\s*:\s*\3\s+eq\s+{VALUE}"
    r"(?P<more>(?:\s+or\s+\3\s+eq\s+'[^']*')*)\s*\)",
    re.IGNORECASE,
)
LAMBDA_MEMBER: Final = re.compile(
    rf"(?P<name>[\w/]+)/(?P<op>any)\s*\(\s*(\w+)\s*:\s*\3/(?P<part>id)\s+eq\s+{VALUE}\s*\)",
    re.IGNORECASE,
)
LAMBDA_FUNCTION: Final = re.compile(
    rf"(?P<name>[\w/]+)/any\s*\(\s*(\w+)\s*:\s*(?P<op>startswith|endswith|contains)"
    rf"\s*\(\s*\2\s*,\s*{VALUE}\s*\)\s*\)",
    re.IGNORECASE,
)
CLAUSES: Final = (FUNCTION, LAMBDA, LAMBDA_MEMBER, LAMBDA_FUNCTION)
JOINT: Final = re.compile(r"\s+(and|or)\s+|\s*$()", re.IGNORECASE)
ORDERED: Final = frozenset({"ge", "gt", "le", "lt"})
PAGE: Final = 100
MOST: Final = 999


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition of a filter; all conditions of an alternative must hold.

    ``more`` are further values of ``any``.
    """

    name: str
    op: str
    value: str
    more: tuple[str, ...] = ()

    def holds(self, item: Mapping[str, Any]) -> bool:
        """Return whether an object meets the condition.

        Texts are compared without regard to case.
        """
        seen = _value_at(item, self.name)
        if isinstance(seen, list) and self.op == "startswith":
            return any(str(one).lower().startswith(self.value.lower()) for one in seen)
        if self.op == "any":
            wanted = {value.lower() for value in (self.value, *self.more)}
            members = (one.get("id") if isinstance(one, Mapping) else one for one in seen or [])
            return any(str(one).lower() in wanted for one in members)
        if self.op in ORDERED:
            return _ordered(str(seen), self.op, self.value)
        return _text(seen, self.op, self.value.lower())


def _value_at(item: Mapping[str, Any], path: str) -> Any:
    """Return the value of a property, or of one inside it such as ``web/redirectUris``, or None."""
    seen: Any = item
    for part in path.split("/"):
        seen = _member(seen, part)
    return seen


def _member(value: Any, part: str) -> Any:
    if not isinstance(value, Mapping):
        return None
    return next((member for key, member in value.items() if key.lower() == part.lower()), None)


def _text(seen: Any, op: str, wanted: str) -> bool:
    text = (
        ("true" if seen else "false")
        if isinstance(seen, bool)
        else "null"
        if seen is None
        else str(seen).lower()
    )
    tests = {"eq": text == wanted, "ne": text != wanted, "contains": wanted in text}
    return tests.get(op, text.startswith(wanted) if op == "startswith" else text.endswith(wanted))


def _ordered(seen: str, op: str, wanted: str) -> bool:
    left, right = date_time(seen), date_time(wanted)
    return {"ge": left >= right, "gt": left > right, "le": left <= right, "lt": left < right}[op]


def date_time(text: str) -> datetime:
    """Return the time of a DateTimeOffset literal.

    Raises:
        GraphError: with status 400 for any other text.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise GraphError(
            400, "BadRequest", f"Invalid filter clause: '{text}' is not a DateTimeOffset."
        ) from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def conditions(text: str, allowed: Mapping[str, frozenset[str]]) -> list[list[Condition]]:
    """Split a filter into alternatives, each a list of conditions.

    Raises:
        GraphError: with status 400 when the syntax is wrong or the resource does not support the
            filter.
    """
    found: list[list[Condition]] = [[]]
    at, text = 0, text.strip()
    while at < len(text):
        match, joint = _clause(text, at)
        value = match["bare"] if match["text"] is None else match["text"].replace("''", "'")
        more = tuple(re.findall(r"'([^']*)'", match.groupdict().get("more") or ""))
        asked = Condition(match["name"], match["op"].lower(), value, more)
        found[-1].append(_allowed(asked, allowed))
        at = joint.end()
        if (joint[1] or "").lower() == "or":
            found.append([])
    return found


def _clause(text: str, at: int) -> tuple[re.Match[str], re.Match[str]]:
    """Return the condition at a position of a filter.

    The second value is the operator that joins the condition to the next one.
    """
    forms = (form.match(text, at) for form in (*CLAUSES, COMPARISON))
    match = next(filter(None, forms), None)
    joint = JOINT.match(text, match.end()) if match else None
    if match is None or joint is None:
        message = f"Invalid filter clause: syntax error at position {at} in '{text}'."
        raise GraphError(400, "BadRequest", message)
    return match, joint


def meets(alternatives: Iterable[Iterable[Condition]], item: Json) -> bool:
    """Return whether an object meets all conditions of any alternative of a filter.

    Every object meets an empty filter.
    """
    return any(all(condition.holds(item) for condition in wanted) for wanted in alternatives)


def _allowed(condition: Condition, allowed: Mapping[str, frozenset[str]]) -> Condition:
    operators = {name.lower(): values for name, values in allowed.items()}
    if condition.op not in operators.get(condition.name.lower(), frozenset()):
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            f"Unsupported or invalid query filter clause specified for property '{condition.name}'.",
        )
    return condition


def filtered(
    call: Call, items: Iterable[Json], allowed: Mapping[str, frozenset[str]]
) -> list[Json]:
    """Return the objects that meet ``$filter``."""
    wanted = conditions(call.query.get("$filter", ""), allowed)
    return [item for item in items if meets(wanted, item)]


def searched(call: Call, items: Iterable[Json]) -> list[Json]:
    """Return the objects that ``$search`` finds: a word of their name begins with the text.

    Raises:
        GraphError: with status 400 for anything but one clause about displayName, or without the
            header ConsistencyLevel.
    """
    asked = call.query.get("$search", "")
    if not asked:
        return list(items)
    found = re.fullmatch(r'"displayName:(?P<text>[^"]+)"', asked)
    if found is None or not call.eventual:
        raise GraphError(
            400,
            "Request_UnsupportedQuery",
            "Request with $search query parameter only works "
            "through MSGraph with a special request header: 'ConsistencyLevel: eventual'",
        )
    wanted = found["text"].lower()
    return [item for item in items if _has_word(str(item.get("displayName")), wanted)]


def _has_word(name: str, beginning: str) -> bool:
    return any(word.startswith(beginning) for word in re.split(r"[^\w]+", name.lower()))


def need_advanced(call: Call, *names: str) -> None:
    """Check that the call is an advanced query, which filters on these properties need.

    Raises:
        GraphError: with status 400 without the header ConsistencyLevel or without ``$count``.
    """
    asked = call.query.get("$filter", "").lower()
    counts = call.query.get("$count", "").lower() == "true"
    for name in names:
        if name.lower() in asked and not (call.eventual and counts):
            raise GraphError(
                400,
                "Request_UnsupportedQuery",
                f"Unsupported or invalid query filter clause specified for property '{name}'.",
            )


def select(
    call: Call, item: Json, known: frozenset[str], usual: frozenset[str] | None = None
) -> Json:
    """Return the properties of an object that ``$select`` names, or the default ones.

    Raises:
        GraphError: with status 400 for a property that the type does not have.
    """
    public = {key: value for key, value in item.items() if not key.startswith("_")}
    if text := call.query.get("$select", ""):
        return {name: public.get(name) for name in _selected(text, known)}
    return {key: value for key, value in public.items() if usual is None or key in usual}


def _selected(text: str, known: frozenset[str]) -> list[str]:
    """Return the names of ``$select`` as the type spells them, always with ``id``."""
    names = {name.strip().lower() for name in text.split(",")}
    spelled = {name.lower(): name for name in known | {"id"}}
    for name in sorted(names - set(spelled)):
        raise bad(f"Could not find a property named '{name}'.")
    return [spelled[name] for name in sorted(names | {"id"})]


def listed(call: Call, items: list[Json], kind: str, most: int = MOST, usual: int = PAGE) -> Answer:
    """Return a page of objects, with the link to the next page and the count if they apply."""
    size, start = _number(call, "$top", usual, most), _number(call, "$skiptoken", 0, 10**9, least=0)
    body: Json = {"@odata.context": f"{root(call)}/$metadata#{kind}"}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = len(items)
    if len(items) > start + size:
        body["@odata.nextLink"] = (
            f"{call.url}?{urlencode({**call.query, '$skiptoken': start + size})}"
        )
    return Answer(200, body | {"value": items[start : start + size]})


def single(call: Call, item: Json, kind: str, status: int = 200) -> Answer:
    """Return an answer that contains one object."""
    return Answer(status, {"@odata.context": f"{root(call)}/$metadata#{kind}/$entity", **item})


def root(call: Call) -> str:
    """Return the base URL of this Graph, without a trailing slash."""
    return f"{call.world.base_url}/graph/v1.0"


def _number(call: Call, name: str, usual: int, most: int, least: int = 1) -> int:
    text = call.query.get(name, str(usual))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise bad(
            f"Invalid value specified for query option '{name}'. The allowed range is {least} to {most}."
        )
    return int(text)


EQ: Final = frozenset({"eq"})
TEXT: Final = frozenset({"eq", "ne", "startswith"})
