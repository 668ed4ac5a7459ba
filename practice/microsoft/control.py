"""Control routes of the tenants and the delays, under /practice/."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail import gates
from practice.microsoft import crowd
from practice.microsoft.setters import Unknown, change
from practice.microsoft.tokens import Vault
from practice.microsoft.world import Tenant, User, World, stamp

Json = dict[str, Any]
HIDDEN: Final = "_"


class TenantControl:
    """Looks into tenants and sets their state, as an administrator elsewhere or the weather would."""

    def __init__(self, world: World, vault: Vault) -> None:
        self._world, self._vault = world, vault

    def register(self, pages: Blueprint) -> None:
        """Put the routes on the pages."""
        pages.add_url_rule("/tenants/<domain>", "tenant", self.tenant, methods=["GET", "PATCH"])
        pages.add_url_rule("/issued", "issued", self.issued, methods=["GET"])
        pages.add_url_rule("/crowd", "crowd", self.crowd, methods=["POST"])
        pages.add_url_rule("/settings", "settings", self.settings, methods=["GET", "PUT"])
        pages.add_url_rule("/bot", "bot", self.bot, methods=["PUT"])

    def tenant(self, domain: str) -> ResponseReturnValue:
        """The state without secrets; PATCH sets what it names (see :mod:`practice.microsoft.setters`)."""
        with self._world.lock:
            found = self._world.tenant(domain)
            if found is None:
                return jsonify({"error": f"no tenant {domain}"}), 404
            if request.method == "PATCH":
                try:
                    change(self._world, found, request.get_json(force=True))
                except (Unknown, ValueError, TypeError) as error:
                    return jsonify({"error": str(error)}), 400
            return jsonify(shown(found))

    def issued(self) -> ResponseReturnValue:
        """Every client secret, authorization code and refresh token that was ever given out, so that a test can search for them."""
        with self._world.lock:
            found = {"client_secrets": self._world.told, "codes": list(self._vault.codes), "refresh_tokens": list(self._vault.refresh)}
            return jsonify(found)

    def crowd(self) -> ResponseReturnValue:
        """Many tenants with channels that work (see :mod:`practice.microsoft.crowd`)."""
        with self._world.lock:
            return jsonify(crowd.make(self._world, request.get_json(force=True)))

    def settings(self) -> ResponseReturnValue:
        """The delays."""
        if request.method == "PUT":
            try:
                return jsonify(self._world.settings.change(request.get_json(force=True)))
            except ValueError as error:
                return jsonify({"error": str(error)}), 400
        return jsonify(self._world.settings.public())

    def bot(self) -> ResponseReturnValue:
        """``{"redirect_uris": [...]}``: register the bot's own addresses; until then any on this machine is taken."""
        with self._world.lock:
            found = self._world.application(self._world.settings.bot_client_id)
            if found is None:
                return jsonify({"error": "no such app"}), 404
            tenant, app = found
            tenant.applications.seed(app | {"web": {"redirectUris": list(request.get_json(force=True)["redirect_uris"])}})
        return jsonify({})


def shown(tenant: Tenant) -> Json:
    """The state of a tenant for people; secret texts are not in it."""
    exchange = tenant.exchange
    return {
        "id": tenant.id,
        "domains": list(tenant.domains),
        "users": {user.upn: _user(tenant, user) for user in tenant.users.values()},
        "applications": [_public(item) for item in tenant.applications.written()],
        "service_principals": [_public(item) for item in tenant.principals.written()],
        "grants": list(tenant.grants.written()),
        "role_assignments": list(tenant.assignments.written()),
        "smtp_auth_disabled": exchange.smtp_auth_disabled,
        "dehydrated": exchange.dehydrated,
        "outbound_policies": exchange.outbound_policies,
        "outbound_rules": exchange.outbound_rules,
        "remote_domains": exchange.remote_domains,
        "transport_rules": exchange.transport_rules,
        "security_defaults": tenant.policies.security_defaults,
        "consent": tenant.policies.consent,
        "conditional_access": tenant.policies.conditional_access,
        "app_management": tenant.policies.app_management,
    }


def _public(item: Json) -> Json:
    return {name: value for name, value in item.items() if not name.startswith(HIDDEN)}


def _user(tenant: Tenant, user: User) -> Json:
    box = user.mailbox
    mailbox = box and {
        "kind": box.kind,
        "smtp_auth_disabled": box.smtp_auth_disabled,
        "forwarding_address": box.forwarding_address,
        "forwarding_smtp_address": box.forwarding_smtp_address,
        "deliver_and_forward": box.deliver_and_forward,
        "full_access": sorted(box.full_access),
        "send_as": sorted(box.send_as),
        "inbox_rules": box.inbox_rules,
        "outbound_policy": gates.policy(tenant, user)["Name"],
    }
    return {
        "id": user.id,
        "mail": user.mail,
        "enabled": user.enabled,
        "licensed": user.licensed,
        "roles": sorted(user.roles),
        "sessions_valid_from": stamp(user.sessions_valid_from),
        "mailbox": mailbox,
    }
