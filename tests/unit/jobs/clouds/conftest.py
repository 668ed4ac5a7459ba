"""Fixture that sends a request to a scripted cloud."""

from functools import partial

import pytest

from tests.unit.jobs.clouds import scripted_cloud


@pytest.fixture
def ask(make_settings):
    """Return a function that sends one request to a cloud (:func:`scripted_cloud.ask`)."""
    return partial(scripted_cloud.ask, make_settings())
