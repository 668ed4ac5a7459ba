"""Tests that the practice contact center behaves as the real one.

Probes of the real one found its behavior (platforms/connect.md 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient

from practice import tls
from practice.mail.connect import Task
from practice.mail.contact_center import QUEUE
from practice.webex_services.web import Outside
from tests.fixtures.practice_cloud import practice_cloud

ORG = "1eb65fdf-9643-417f-9974-ad72cae0e10f"
TOKEN = {"Authorization": "Bearer practice-contact-center-token"}
AT = datetime(2026, 11, 24, 8, 14, tzinfo=UTC)
POINTS = f"/contact-center/organization/{ORG}/v2/entry-point"


@pytest.fixture
def outside(certificates: tls.Tls) -> Iterator[tuple[Outside, FlaskClient]]:
    """Yield the practice services with one task, and a client for them."""
    with practice_cloud(certificates) as (cloud, _http):
        cloud.connect.tasks.append(
            Task(
                "t-1",
                "kim@customer.example",
                "support@contoso.com",
                "Hello",
                "",
                "<1>",
                AT,
                queue={"id": QUEUE, "name": "Email"},
            )
        )
        found = Outside(cloud.world, cloud.connect, cloud.world.settings)  # type: ignore[arg-type]
        app = flask.Flask("outside")
        for pages in found.blueprints():
            app.register_blueprint(pages)
        yield found, app.test_client()


def span(scale: int) -> dict[str, str]:
    """Return the hour around the task, with so many parts of a second as the unit."""
    first, last = AT - timedelta(minutes=30), AT + timedelta(minutes=30)
    return {"from": str(int(first.timestamp()) * scale), "to": str(int(last.timestamp()) * scale)}


def search(client: FlaskClient, fields: str, scale: int = 1000) -> tuple[int, Any]:
    """Search for tasks with a query, and return the status and the body of the answer."""
    times = span(scale)
    query = (
        f"{{ taskDetails(from: {times['from']}, to: {times['to']}) {{ tasks {{ {fields} }} }} }}"
    )
    answer = client.post("/contact-center/search", json={"query": query}, headers=TOKEN)
    return answer.status_code, answer.get_json()


def test_times_are_in_milliseconds(outside: tuple[Outside, FlaskClient]):
    """The contact center reads times as milliseconds, in the list and in the search.

    Times in seconds give an empty answer without an error.
    """
    _, client = outside
    for scale, number in ((1000, 1), (1, 0)):
        listed = client.get("/contact-center/v1/tasks", query_string=span(scale), headers=TOKEN)
        status, found = search(client, "id origin", scale)
        assert (listed.status_code, status) == (200, 200)
        assert len(listed.get_json()["data"]) == number
        assert len(found["data"]["taskDetails"]["tasks"]) == number


def test_the_field_is_last_queue(outside: tuple[Outside, FlaskClient]):
    """The search has the field ``lastQueue``.

    The list's name ``queue`` is refused in a search, and so is introspection.
    """
    _, client = outside
    status, found = search(client, "id lastQueue { id name } createdTime")
    assert status == 200
    assert found["data"]["taskDetails"]["tasks"] == [
        {
            "id": "t-1",
            "lastQueue": {"id": QUEUE, "name": "Email"},
            "createdTime": int(AT.timestamp()) * 1000,
        }
    ]
    for fields in ("id queue { id }", "__typename"):
        status, found = search(client, fields)
        assert (status, found["data"]) == (400, None)
    assert search(client, "queue { id }")[1]["errors"][0]["message"].endswith("is undefined")


def test_a_list_of_tasks_has_a_longest_interval(outside: tuple[Outside, FlaskClient]):
    """A list of tasks over more than 184 days is refused.

    A single task cannot be asked for by its id.
    """
    _, client = outside
    wide = {"from": "0", "to": str(int(AT.timestamp()) * 1000)}
    answer = client.get("/contact-center/v1/tasks", query_string=wide, headers=TOKEN)
    assert answer.status_code == 400
    assert client.get("/contact-center/v1/tasks/t-1", headers=TOKEN).status_code == 404


def test_the_filter_by_channel_may_be_refused(outside: tuple[Outside, FlaskClient]):
    """The contact center may refuse a filter by channel.

    A list of entry points without that filter has the other channels as well.
    """
    found, client = outside
    email = {"filter": 'channelType=="EMAIL"'}

    def names(query: dict[str, str]) -> list[str]:
        answer = client.get(POINTS, query_string=query, headers=TOKEN)
        return [row["name"] for row in answer.get_json()["data"]]

    assert (names(email), names({})) == (["Email support"], ["Email support", "Hotline"])
    found.state.channel_filter = False
    assert client.get(POINTS, query_string=email, headers=TOKEN).status_code == 400
    assert names({"page": "1"}) == []


def test_the_organization_of_the_token(outside: tuple[Outside, FlaskClient]):
    """A token finds its own organization, and any other one is a 404."""
    _, client = outside
    own, other = (
        client.get(f"/contact-center/organization/{org}", headers=TOKEN) for org in (ORG, "other")
    )
    assert (own.get_json()["id"], other.status_code) == (ORG, 404)
