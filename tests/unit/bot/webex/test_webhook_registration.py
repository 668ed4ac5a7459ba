import hashlib
import itertools
from dataclasses import replace

import pytest
from redis import Redis

from bot.webex.client import Webex, Webhook
from bot.webex.errors import WebexBadRequestError
from bot.webex.webhook_registration import Outcome, WebhookRegistrar

TARGET = "https://bot.example.test/webhooks/webex"
PREFIX = f"email-bot {hashlib.sha256(b'https://bot.example.test').hexdigest()[:8]} "
RESOURCES = ("messages", "attachmentActions", "memberships")


class WebhookShelf(Webex):
    """Webex's webhooks kept in a list, with the secrets that were written and a count of writes."""

    def __init__(self, *hooks: Webhook) -> None:
        super().__init__("unused", "http://127.0.0.1/")
        self.hooks = {hook.id: hook for hook in hooks}
        self.secrets: dict[str, str] = {}
        self.writes = 0
        self._ids = itertools.count(1)

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return all webhooks on the shelf."""
        return tuple(self.hooks.values())

    def create_webhook(self, **fields: str) -> Webhook:
        """Put a new webhook onto the shelf."""
        hook = Webhook.of({"id": f"new-{next(self._ids)}", "status": "active"} | fields)
        self.hooks[hook.id], self.secrets[hook.id] = hook, fields["secret"]
        self.writes += 1
        return hook

    def update_webhook(self, webhook_id: str, **fields: str) -> None:
        """Change the fields that Webex lets a PUT change."""
        changed = {"target_url": fields["targetUrl"], "status": fields["status"]}
        hook = replace(self.hooks[webhook_id], name=fields["name"], **changed)
        self.hooks[webhook_id], self.secrets[webhook_id] = hook, fields["secret"]
        self.writes += 1

    def delete_webhook(self, webhook_id: str) -> None:
        """Take a webhook off the shelf."""
        del self.hooks[webhook_id]
        self.writes += 1


def hook(resource: str = "messages", **changes) -> Webhook:
    """Return a good webhook of this bot, with some fields changed."""
    return replace(
        Webhook(f"old-{resource}", PREFIX + resource, TARGET, resource, "created", "", "active"),
        **changes,
    )


def good() -> tuple[Webhook, ...]:
    """Return the bot's three webhooks as they should be."""
    return tuple(hook(resource) for resource in RESOURCES)


def shelf_state(shelf: WebhookShelf) -> list[tuple[str, ...]]:
    """Return the fields that matter of every webhook."""
    return sorted(
        (each.name, each.target_url, each.resource, each.event, each.filter, each.status)
        for each in shelf.webhooks()
    )


WELL = sorted(
    (PREFIX + resource, TARGET, resource, "created", "", "active") for resource in RESOURCES
)


def test_the_first_start_registers_three(settings, redis):
    """The first start registers webhooks for messages, card answers and memberships.

    All have the newest secret. Card answers need their own, because no firehose covers them.
    """
    shelf = WebhookShelf()
    assert WebhookRegistrar(shelf, redis, settings).register() == Outcome(created=RESOURCES)
    assert (shelf_state(shelf), set(shelf.secrets.values())) == (WELL, {"new-secret-0123456789"})


def test_a_second_start_changes_nothing_but_the_secret(settings, redis):
    """A second start keeps the webhooks and only updates their secret, so no event is lost.

    Each webhook gets the newest secret, because Webex does not show the present one.
    """
    shelf = WebhookShelf(*good())
    assert WebhookRegistrar(shelf, redis, settings).register() == Outcome(updated=RESOURCES)
    assert (shelf_state(shelf), sorted(shelf.secrets)) == (WELL, sorted(each.id for each in good()))


@pytest.mark.parametrize(
    "broken",
    [
        (*good()[1:], hook(status="inactive")),
        (*good()[1:], hook(target_url="https://bot.example.test/old")),
        (*good(), hook(id="twin")),
        (*good(), hook(id="firehose", resource="all", event="all")),
        (*good()[1:], hook(filter="roomType=direct")),
        (*good()[1:], hook(event="all")),
        good()[1:],
        (),
    ],
)
@pytest.mark.parametrize("how", ["register", "watch"])
def test_broken_webhooks_are_repaired(settings, redis, broken, how):
    """Broken webhooks are repaired, and afterwards exactly one of each kind exists.

    They are switched off, at a wrong address, doubled, filtered, of another kind, or missing.
    """
    shelf = WebhookShelf(*broken)
    getattr(WebhookRegistrar(shelf, redis, settings), how)()
    assert shelf_state(shelf) == WELL


def test_of_two_the_good_one_stays(settings, redis):
    """If a kind of webhook exists twice, the working one is kept, whichever comes first."""
    shelf = WebhookShelf(hook(id="off", status="inactive"), *good())
    WebhookRegistrar(shelf, redis, settings).watch()
    assert sorted(shelf.hooks) == sorted(each.id for each in good())


def test_other_webhooks_are_left_alone(settings, redis):
    """Another instance of this bot and other people's webhooks stay unchanged, even broken ones."""
    names = ("email-bot 00000000 messages", "somebody else", "email-bot")
    others = [hook(id=name, name=name, status="inactive", target_url="https://o") for name in names]
    shelf = WebhookShelf(*others)
    subscriptions = WebhookRegistrar(shelf, redis, settings)
    subscriptions.register()
    subscriptions.watch()
    assert [shelf.hooks[each.id] for each in others] == others


def moved(settings):
    """Return the settings of the same installation at another address."""
    return replace(settings, public_url="https://moved.example.test")


def test_after_a_move_the_same_webhooks_call_the_new_address(settings, redis):
    """After a move the existing webhooks are changed to the new address.

    None is created and none is left behind, so no event is lost.
    """
    shelf = WebhookShelf()
    WebhookRegistrar(shelf, redis, settings).register()
    ids = sorted(shelf.hooks)
    assert WebhookRegistrar(shelf, redis, moved(settings)).register() == Outcome(updated=RESOURCES)
    assert sorted(shelf.hooks) == ids
    there = {each.target_url for each in shelf.webhooks()}
    assert there == {"https://moved.example.test/webhooks/webex"}
    writes = shelf.writes
    assert WebhookRegistrar(shelf, redis, moved(settings)).watch() == Outcome()
    assert shelf.writes == writes


def test_what_was_left_behind_is_surplus(settings, redis):
    """If the new address has its own webhooks, the old ones are deleted and forgotten."""
    shelf = WebhookShelf()
    here, there = (WebhookRegistrar(shelf, redis, each) for each in (settings, moved(settings)))
    here.register()
    there.watch()
    assert (len(shelf.hooks), there.register()) == (6, Outcome(updated=RESOURCES, deleted=3))
    assert redis.smembers("webhooks:ours") == {each.id.encode() for each in shelf.webhooks()}


def test_another_installation_of_the_same_bot_stays(settings, redis, redis_url):
    """The webhooks of another installation of the same bot stay, before and after a move.

    It has another address and another Redis, so neither its names nor its ids are known here.
    """
    shelf = WebhookShelf()
    with Redis.from_url(redis_url.removesuffix("/0") + "/1") as elsewhere:
        elsewhere.flushdb()
        there = replace(settings, public_url="https://other.example.test")
        other = WebhookRegistrar(shelf, elsewhere, there)
        other.register()
        before = other.own()
        for each in (settings, moved(settings)):
            WebhookRegistrar(shelf, redis, each).register()
            WebhookRegistrar(shelf, redis, each).watch()
        assert (other.own(), len(shelf.hooks)) == (before, 6)


def test_a_repair_that_failed_is_tried_at_once(settings, redis, webex, webex_script, reply):
    """A failed repair of a webhook is tried again at the next look.

    Only a webhook that was switched on waits its five minutes.
    """
    off = {"id": "w", "name": PREFIX + "messages", "targetUrl": TARGET, "status": "inactive"}
    off |= {"resource": "messages", "event": "created"}
    rest = [
        {**off, "id": each, "name": PREFIX + each, "resource": each, "status": "active"}
        for each in RESOURCES[1:]
    ]
    webex_script.on("GET", "/webhooks", reply(200, {"items": [off, *rest]}))
    webex_script.on("PUT", "/webhooks/w", reply(400, {"message": "not now"}), reply(200, off))
    subscriptions = WebhookRegistrar(webex, redis, settings)
    with pytest.raises(WebexBadRequestError):
        subscriptions.watch()
    assert subscriptions.watch() == Outcome(updated=("messages",))
    assert subscriptions.watch() == Outcome()


def test_a_webhook_that_keeps_falling_is_not_hurried(settings, redis):
    """A webhook that was switched on again is left alone for 5 minutes, then tried again.

    Within that time a single failure switches it off (platforms/webex.md 1).
    """
    shelf = WebhookShelf(*good()[1:], hook(status="inactive"))
    subscriptions = WebhookRegistrar(shelf, redis, settings)
    outcomes = [subscriptions.watch()]
    shelf.hooks["old-messages"] = hook(status="inactive")
    outcomes.append(subscriptions.watch())
    assert 0 < redis.ttl("webhooks:repaired:old-messages") <= 300
    redis.delete("webhooks:repaired:old-messages")
    outcomes.append(subscriptions.watch())
    assert outcomes == [Outcome(updated=("messages",)), Outcome(), Outcome(updated=("messages",))]


def test_the_real_client_and_the_shelf_agree(settings, redis, webex, webex_script, reply):
    """The real client sends the same as the tests assume: three POST with the newest secret."""
    webex_script.on("GET", "/webhooks", reply(200, {"items": []}))
    webex_script.on("POST", "/webhooks", reply(200, {"id": "w"}))
    WebhookRegistrar(webex, redis, settings).register()
    same = {"targetUrl": TARGET, "event": "created", "secret": "new-secret-0123456789"}
    wanted = [{**same, "name": PREFIX + each, "resource": each} for each in RESOURCES]
    assert [body for method, _, body in webex_script.asked if method == "POST"] == wanted
