"""Setups while the clouds' names do not resolve (DNS), and after they resolve again."""

import time
from pathlib import Path

import pytest

from practice.conversation import words
from tests.fixtures.name_service import NameService, has_own_files
from tests.fixtures.stacks import log_of
from tests.fixtures.waiting import ran

pytestmark = pytest.mark.skipif(
    not has_own_files(), reason="files of one's own under /etc need root or user namespaces"
)
AWAY_S = 20.0
RESOLVER = "Temporary failure in name resolution"


@pytest.fixture(scope="module")
def names(stack, tmp_path_factory):
    """Name service of the product alone, in which all clouds have one name."""
    made = NameService(Path(tmp_path_factory.mktemp("etc")))
    made.write()
    for name in ("web", "worker"):
        made.serve(stack.processes[name])
        stack.restart(name)
    return made


@pytest.fixture(autouse=True)
def there_again(names):
    """Make the names resolve again at the end of each test."""
    yield
    names.give_back()


@pytest.fixture
def webex_by_number(stack, names):
    """Let Webex be found without DNS, so that only the names of the other clouds can be missing."""
    before = {name: stack.processes[name].env for name in ("web", "worker")}
    for name, env in before.items():
        url = env["WEBEX_API_URL"].replace("localhost", "127.0.0.1")
        stack.processes[name].env = env | {"WEBEX_API_URL": url}
        stack.restart(name)
    yield
    for name, env in before.items():
        stack.processes[name].env = env
        stack.restart(name)


def doctor(stack):
    """Return the report of ``doctor``, which runs with the name service of the web process."""
    web = stack.processes["web"]
    return ran("/bin/sh", "-c", web.command.replace("bot web", "bot doctor"), env=web.env).stdout


def test_a_setup_goes_on_when_names_resolve_again(stack, people, walk, names):
    """A setup goes on when the names of all clouds resolve again.

    DNS fails after the approval until the log has it, and 20 seconds more. The log and ``doctor`` have the
    resolver's own words. A command that is typed meanwhile is answered once afterward, and the run
    makes each object once. The worker is restarted, because its open connections need no name.
    """
    plan = walk.plan(profile="least")
    names.take_away()
    stack.restart("worker")
    walk.approve(plan)
    said = people.say(walk.requester, "/help", walk.room)
    people.until("the log has the cause", lambda: RESOLVER in log_of(stack), 40)
    told = {line.split(":")[0] for line in doctor(stack).splitlines() if RESOLVER in line}
    time.sleep(AWAY_S)
    names.give_back()
    walk.wait("an answer to /help", lambda each: each["parentId"] == said["id"], 90)
    assert walk.secret(walk.form(60))
    people.look()
    answers = [each for each in people.messages.values() if each["parentId"] == said["id"]]
    made = walk.writes()
    once = [made.count(f"graph.{each}") for each in ("create_application", "add_password")]
    assert (len(answers), once) == (1, [1, 1]), made
    assert {"WRONG  Webex", "WRONG  Microsoft"} <= told


def test_the_card_names_dns(stack, people, walk, names, webex_by_number):
    """If Microsoft's name does not resolve, the card names DNS and the run goes on by itself.

    The card says that no address is found, that nobody has to act, and that the operator checks
    DNS. The worker is restarted, because its open connections need no name.
    """
    plan = walk.plan(profile="least")
    names.take_away()
    stack.restart("worker")
    walk.approve(plan)
    said = (
        "finds no address for the host's name in DNS",
        f"localhost: {RESOLVER}",
        "Nobody has to act. The run waits for Microsoft and continues by itself.",
        "the bot's operator checks DNS on the bot's machine",
    )
    walk.wait("DNS on a card", lambda each: all(part in words(each) for part in said), 60)
    names.give_back()
    assert walk.secret(walk.form(60))
    assert walk.writes().count("graph.add_password") == 1
