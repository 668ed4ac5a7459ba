"""Small graphs of findings for the tests of the verdict."""

from datetime import UTC, datetime

from jobs.engine.step import Diagnosis, Probe
from jobs.model import Finding, Signals, State, Station


def fact(
    name: str,
    station: Station = Station.ANSWER,
    caused_by: tuple[str, ...] = (),
    explains: tuple[str, ...] = (),
    **more: object,
) -> Probe:
    """Return a fact of that name for a graph."""

    async def inspect(self: Probe, ctx) -> Finding:
        raise NotImplementedError

    diagnosis = Diagnosis(
        station=station, caused_by=caused_by, explains=frozenset(explains), **more
    )
    return type(
        name,
        (Probe,),
        {"name": name, "article_row": name, "diagnosis": diagnosis, "inspect": inspect},
    )()


def graph(*facts: Probe) -> dict[str, Probe]:
    """Return the graph of these facts, by their names."""
    return {each.name: each for each in facts}


def time(hour: int, minute: int = 0) -> datetime:
    """Return a time of one day."""
    return datetime(2026, 1, 1, hour, minute, tzinfo=UTC)


def ok(name: str, **signals: object) -> Finding:
    """Return a finding that is right."""
    return Finding(name, State.OK, signals=Signals(**signals))


def wrong(name: str, cause: str = "", **signals: object) -> Finding:
    """Return a wrong finding."""
    return Finding(name, State.WRONG, cause=cause, signals=Signals(**signals))


def possible(name: str, cause: str, **signals: object) -> Finding:
    """Return a finding that may stop mail."""
    return Finding(name, State.POSSIBLE, cause=cause, signals=Signals(**signals))
