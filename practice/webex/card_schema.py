"""Official schema of Adaptive Cards 1.3, and a fast way to ask whether a card follows it.

The schema tries every kind of element on every element of a card, and jsonschema collects all
errors of the kinds that do not fit. The fast way does not try a kind of another ``type``, and tries
the other kinds only up to their first error. It remembers what it has found of each element, because
an edit changes only a part of a card.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from practice import shared

Json = dict[str, Any]
MOST_KNOWN = 5_000


def errors(card: Json) -> list[Any]:
    """Return jsonschema's errors of the card.

    The result is empty if the card is valid or the schema's file is not present.
    """
    if not shared.CARDS.is_file() or quick().is_valid(card):
        return []
    return list(full().iter_errors(card))


def worst(card: Json) -> str:
    """Return the error that explains most, with its place in the card; empty if there is none."""
    if not (found := errors(card)):
        return ""
    import jsonschema  # noqa: PLC0415 - a development package, needed only with the schema

    error = jsonschema.exceptions.best_match(found)
    where = "/".join(str(step) for step in error.absolute_path)
    return f"at {where or 'the root'}: {error.message[:300]}"


@functools.cache
def full() -> Any:
    """Return jsonschema's own validator, which explains every error."""
    import jsonschema  # noqa: PLC0415 - see above

    return jsonschema.Draft6Validator(json.loads(shared.CARDS.read_text("utf-8")))


@functools.cache
def quick() -> Any:
    """Return a validator that accepts the same cards as :func:`full`, and explains no error."""
    import jsonschema  # noqa: PLC0415 - see above

    definitions, known = full().schema["definitions"], dict[tuple[int, str], bool]()

    def any_of(validator: Any, kinds: list[Json], instance: Any, _schema: Json) -> Iterator[Any]:
        asked = id(kinds), json.dumps(instance)
        if asked not in known:
            if len(known) >= MOST_KNOWN:
                known.clear()
            tried = (kind for kind in kinds if _may_be(instance, kind, definitions))
            known[asked] = any(
                next(validator.descend(instance, each), None) is None for each in tried
            )
        if not known[asked]:
            yield jsonschema.ValidationError("it is none of these kinds")

    extend = jsonschema.validators.extend
    kind = extend(jsonschema.Draft6Validator, {"anyOf": any_of})  # type: ignore[no-untyped-call]  # untyped
    return kind(full().schema)


def _may_be(instance: Any, kind: Json, definitions: dict[str, Json]) -> bool:
    """Return whether an instance may be of a kind.

    It may not if the kind's definition names its ``type`` and the instance has another one.
    """
    if not isinstance(instance, dict) or "type" not in instance:
        return True
    reference = str(kind.get("$ref") or kind.get("allOf", [{}])[0].get("$ref", ""))
    definition = definitions.get(reference.rpartition("/")[2], {})
    names = definition.get("properties", {}).get("type", {}).get("enum")
    return names is None or instance["type"] in names
