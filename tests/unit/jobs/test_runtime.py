"""Tests of the container that a process installs once, and that its jobs find by its class."""

from dataclasses import dataclass

import pytest

from jobs.runtime import Runtime, current, install


@dataclass(frozen=True)
class More(Runtime):
    """Container of another package, with a field of its own."""

    more: str = "more"


def test_a_job_finds_what_is_installed(runtime_of, work_settings):
    """A job finds the installed container by its own class or by ``Runtime``.

    Any other class is an error.
    """
    made = runtime_of(work_settings)
    install(made)
    assert current(Runtime) == made
    with pytest.raises(RuntimeError, match="python -m bot worker"):
        current(More)
    wider = More(made.settings, made.store, made.vault, made.listener)
    install(wider)
    assert (current(Runtime), current(More).more) == (wider, "more")
