"""Routes of /webhooks."""

from typing import Any
from urllib.parse import urlsplit

import flask

from practice.journal import Journal
from practice.webex import access, shapes
from practice.webex.access import actor
from practice.webex.errors import bad, not_found
from practice.webex.events import FILTERS
from practice.webex.model import Webhook
from practice.webex.world import World

RESOURCES = (*FILTERS, "all")
EVENTS = ("created", "updated", "deleted", "migrated", "all")


class WebhookRoutes:
    """Routes of the Webhooks API for the account of the token."""

    def __init__(self, world: World, journal: Journal) -> None:
        self._world, self._journal = world, journal

    def register(self, pages: flask.Blueprint) -> None:
        """Add the routes of /webhooks."""
        pages.add_url_rule("/webhooks", view_func=self.subscriptions, methods=["GET"])
        pages.add_url_rule("/webhooks", view_func=self.subscribe, methods=["POST"])
        pages.add_url_rule("/webhooks/<webhook_id>", view_func=self.resubscribe, methods=["PUT"])
        pages.add_url_rule("/webhooks/<webhook_id>", view_func=self.unsubscribe, methods=["DELETE"])

    def subscriptions(self) -> flask.Response:
        """Return the webhooks of this account."""
        with self._world.lock:
            return access.page(
                [each for each in self._world.webhooks.values() if each.owner_id == actor().id],
                shapes.webhook,
            )

    def subscribe(self) -> flask.Response:
        """Create a webhook for this account."""
        body = access.body()
        access.needed(body, "name", "targetUrl", "resource", "event")
        _check_target(str(body["targetUrl"]))
        _check_subscription(body)
        hook = Webhook(
            str(body["name"]),
            str(body["targetUrl"]),
            str(body["resource"]),
            str(body["event"]),
            actor().id,
        )
        hook.filter, hook.secret = str(body.get("filter") or ""), str(body.get("secret") or "")
        with self._world.lock:
            self._world.webhooks[hook.id] = hook
        self._note("webhook.create", hook, None)
        return flask.jsonify(shapes.webhook(hook))

    def resubscribe(self, webhook_id: str) -> flask.Response:
        """Change the name, the targetUrl or the secret of a webhook.

        ``status`` can only be changed to active. Everything else in the request is ignored.
        """
        body = access.body()
        access.needed(body, "name", "targetUrl")
        _check_target(str(body["targetUrl"]))
        if (body.get("status") or "active") != "active":
            raise bad("status can only be set to active")
        with self._world.lock:
            hook = self._own(webhook_id)
            before = _brief(hook)
            hook.name, hook.target_url = str(body["name"]), str(body["targetUrl"])
            hook.secret = str(body["secret"]) if body.get("secret") else hook.secret
            if body.get("status") == "active" and hook.status == "inactive":
                hook.status = "active"
                hook.failures.clear()
        self._note("webhook.update", hook, before)
        return flask.jsonify(shapes.webhook(hook))

    def unsubscribe(self, webhook_id: str) -> flask.Response:
        """Delete a webhook of this account."""
        with self._world.lock:
            hook = self._own(webhook_id)
            del self._world.webhooks[webhook_id]
        self._journal.write(actor().email, "webex", "webhook.delete", hook.id, _brief(hook), None)
        return flask.Response(status=204)

    def _own(self, webhook_id: str) -> Webhook:
        hook = self._world.webhooks.get(webhook_id)
        if hook is None or hook.owner_id != actor().id:
            raise not_found("Could not find a webhook with provided ID.")
        return hook

    def _note(self, action: str, hook: Webhook, before: dict[str, Any] | None) -> None:
        self._journal.write(actor().email, "webex", action, hook.id, before, _brief(hook))


def _brief(hook: Webhook) -> dict[str, Any]:
    return {
        "name": hook.name,
        "targetUrl": hook.target_url,
        "of": f"{hook.resource}:{hook.event}",
        "status": hook.status,
    }


def _check_target(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad("targetUrl must be a URL that Webex can reach")


def _check_subscription(body: dict[str, Any]) -> None:
    if body["resource"] not in RESOURCES or body["event"] not in EVENTS:
        raise bad(
            f"resource must be one of {', '.join(RESOURCES)}, event one of {', '.join(EVENTS)}"
        )
    keys = [pair.split("=", 1)[0] for pair in str(body.get("filter") or "").split("&") if pair]
    allowed = FILTERS.get(str(body["resource"]), ())
    if unknown := [key for key in keys if key not in allowed]:
        raise bad(f"filter {', '.join(unknown)} is not allowed for {body['resource']}")
