"""Catalog of every text that people read in Webex or on the bot's pages, by language and key.

The texts are in the ``*.toml`` files of one folder per language.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from babel.lists import format_list

from adaptive_cards import locale
from jobs.model import Text

_MOMENTS: Mapping[str, Callable[[str], str]] = {
    "day": lambda value: locale.written_date(date.fromisoformat(value)),
    "clock": lambda value: locale.day_clock(datetime.fromisoformat(value)),
    "second": lambda value: locale.day_clock(datetime.fromisoformat(value), locale.SECONDS),
    "span": lambda value: locale.span(timedelta(seconds=float(value))),
    "every": lambda value: _every(timedelta(seconds=float(value))),
}
"""Functions that show a date, moment or span, by a value's prefix (:func:`jobs.model.day_of`)."""


def render(words: Text) -> str:
    """Return the text of ``words`` in the present language, with its values filled in.

    The value ``count`` chooses among plural forms. A value ``key:...`` that names a text is looked
    up, and one that holds a moment is shown in the present time zone.

    Raises:
        KeyError: The key is unknown, or a value is missing.
    """
    if words.key == "verbatim":
        return words.values["text"]
    values = {name: _value(value) for name, value in words.values.items()}
    forms, count = [words.key], words.values.get("count", "")
    if count.isdecimal():
        category = locale.current().babel.plural_form(int(count))
        forms += [f"{words.key}.{category}", f"{words.key}.other"]
        values["count"] = locale.number(int(count))
    for catalogue in (_catalogue(locale.current().language), _catalogue(locale.SOURCE)):
        for form in forms:
            if form in catalogue:
                return catalogue[form].format_map(values)
    raise KeyError(words.key)


def render_if_any(words: Text | None) -> str:
    return render(words) if words else ""


def text(key: str, **values: str) -> str:
    return render(Text(key, values))


def plural(key: str, count: int, **values: str) -> str:
    return text(key, count=str(count), **values)


def _every(length: timedelta) -> str:
    unit, count = locale.in_unit(length)
    return plural(f"every.{unit}", count)


def with_counts(counts: Mapping[str, int]) -> list[str]:
    return [text(key, count=str(count)) for key, count in counts.items() if count]


def listed(items: Iterable[str]) -> str:
    """Return the items as a list in the present language, such as ``a, b, and c``."""
    return format_list(list(items), locale=locale.current().babel)


def own_text(key: str, language: str) -> str:
    return _catalogue(language).get(key, "")


def remedy_key(cause: str, *places: str) -> str:
    """Return the key of the remedy: within a run that fixes the cause it may not be "Run /fix"."""
    own = (f"remedy_{place}.{cause}" for place in places)
    return next(filter(has_text, own), f"remedy.{cause}")


def has_text(key: str) -> bool:
    """Return whether the catalog contains the key, alone or with plural forms."""
    return not _catalogue(locale.SOURCE).keys().isdisjoint({key, f"{key}.other"})


def known_text(key: str) -> Text | None:
    return Text(key) if has_text(key) else None


def keys(language: str = locale.SOURCE) -> frozenset[str]:
    return frozenset(_catalogue(language))


def _value(value: str) -> str:
    # Typed text may begin with "key:" or "span:", too, so only known keys and real times count.
    begin, _, rest = value.partition(":")
    if begin == "key" and has_text(rest):
        return text(rest)
    try:
        return _MOMENTS[begin](rest)
    except (KeyError, ValueError, OverflowError):
        return value


@cache
def _catalogue(language: str) -> Mapping[str, str]:
    """Return all files of a language as one mapping; a key in two files is an error."""
    found: dict[str, str] = {}
    for path in sorted((locale.FOLDER / language).glob("*.toml")):
        flat = _flat("", tomllib.loads(path.read_text(encoding="utf-8")))
        if twice := found.keys() & {key for key, _ in flat}:
            raise ValueError(f"{path}: {sorted(twice)} are in another file, too")
        found.update(flat)
    return found


def _flat(prefix: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        found += _flat(f"{key}.", value) if isinstance(value, dict) else [(key, value)]
    return found
