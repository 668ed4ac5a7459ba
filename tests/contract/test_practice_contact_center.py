"""Practice contact center, and the product's calls to it, against Cisco's OpenAPI.

The tests are skipped if the file is missing.
"""

import json

import flask
import jsonschema
import pytest

from practice.mail.contact_center import PROFILES, QUEUE, SITE, SKILL, TEAM, USER
from practice.shared import ABSENT, CONTACT_CENTER
from practice.webex_services.web import Outside
from tests.contract.openapi import answer_of, resolved
from tests.fixtures.practice_cloud import practice_cloud

ORG = "1eb65fdf-9643-417f-9974-ad72cae0e10f"
TOKEN = {"Authorization": "Bearer practice-contact-center-token"}
BASE = f"/contact-center/organization/{ORG}"
LISTS = {
    "v2/contact-service-queue": QUEUE,
    "v2/team": TEAM,
    "v2/user": USER,
    "v2/multimedia-profile": PROFILES[0],
    "v2/site": SITE,
}
ITEMS = {"v2/contact-service-queue": QUEUE, "team": TEAM, "user": USER}
NOW = "1764460800000"

pytestmark = pytest.mark.skipif(not CONTACT_CENTER.is_file(), reason=ABSENT)


@pytest.fixture(scope="module")
def spec():
    """Cisco's OpenAPI document, without its patterns, which are in Java's syntax."""

    def plain(pairs):
        return {name: each for name, each in pairs if name != "pattern"}

    return json.loads(CONTACT_CENTER.read_text("utf-8"), object_pairs_hook=plain)


@pytest.fixture
def client(certificates):
    """Client of the practice contact center."""
    with practice_cloud(certificates) as (cloud, _http):
        app = flask.Flask("outside")
        for pages in Outside(cloud.world, cloud.connect, cloud.world.settings).blueprints():
            app.register_blueprint(pages)
        yield app.test_client()


def without_arrays(spec, schema):
    """Return the schema of a list's rows, which need no array field: a list leaves them out."""
    row = resolved(spec, resolved(spec, schema)["properties"]["data"]["items"])
    arrays = {name for name, each in row["properties"].items() if each.get("type") == "array"}
    needed = [name for name in row.get("required", []) if name not in arrays]
    return row | {"required": needed, "components": spec["components"]}


@pytest.mark.parametrize("resource", LISTS)
def test_a_list_has_the_official_answer_of(spec, client, resource):
    """A list's rows are valid without their arrays, by ID with a quoted filter or all of them."""
    schema = without_arrays(spec, answer_of(spec, f"/organization/{{orgid}}/{resource}"))
    wanted = {"filter": f'id=in=("{LISTS[resource]}")', "page": "0", "pageSize": "100"}
    for params in ({}, wanted):
        answer = client.get(f"{BASE}/{resource}", query_string=params, headers=TOKEN)
        rows = answer.get_json()["data"]
        assert (answer.status_code, bool(rows)) == (200, True)
        for row in rows:
            jsonschema.Draft202012Validator(schema).validate(row)
            assert set(row) - set(schema["properties"]) == set()
    unquoted = {"filter": f"id=in=({LISTS[resource]})"}
    assert client.get(f"{BASE}/{resource}", query_string=unquoted, headers=TOKEN).status_code == 400


@pytest.mark.parametrize("resource", ITEMS)
def test_an_item_has_the_official_answer_of(spec, client, resource):
    """An item is valid with its arrays. Its path has no version, except a queue's."""
    schema = answer_of(spec, f"/organization/{{orgid}}/{resource}/{{id}}")
    answer = client.get(f"{BASE}/{resource}/{ITEMS[resource]}", headers=TOKEN)
    assert answer.status_code == 200
    jsonschema.Draft202012Validator(schema).validate(answer.get_json())
    assert client.get(f"{BASE}/{resource}/{SKILL}", headers=TOKEN).status_code == 404
    if not resource.startswith("v2/"):
        versioned = client.get(f"{BASE}/v2/{resource}/{ITEMS[resource]}", headers=TOKEN)
        assert versioned.status_code == 404


def test_agents_and_offers_have_the_official_answer_of(spec, client):
    """Activities, statistics and agents with a skill are valid under Cisco's schema."""
    span = {"from": NOW, "to": NOW, "channelTypes": "email", "queueIds": QUEUE}
    for path in ("/v1/agents/activities", "/v1/queues/statistics"):
        answer = client.get(f"/contact-center{path}", query_string=span, headers=TOKEN)
        jsonschema.Draft202012Validator(answer_of(spec, path)).validate(answer.get_json())
        assert answer.get_json()["data"]
    path = "/user/fetch-by-skill-requirements"
    answer = client.post(f"{BASE}{path}", json={"skillRequirements": []}, headers=TOKEN)
    schema = answer_of(spec, f"/organization/{{orgid}}{path}", "post")
    jsonschema.Draft202012Validator(schema).validate(answer.get_json())
    assert [each["id"] for each in answer.get_json()["data"]] == [USER]
