"""Control routes of the tenants and the delays, under /practice/."""

from typing import Any, Final

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from practice.mail import gates
from practice.microsoft import crowd
from practice.microsoft.setters import Unknown, change
from practice.microsoft.signin.assertions import CERTIFICATES, FEDERATED
from practice.microsoft.tokens import Vault
from practice.microsoft.world import Tenant, User, World, stamp

Json = dict[str, Any]
HIDDEN: Final = "_"
CREDENTIALS: Final = {"certificates": CERTIFICATES, "federated": FEDERATED}


class TenantControl:
    """Routes that read and set the state of tenants.

    They imitate changes made by an administrator elsewhere or by outside events.
    """

    def __init__(self, world: World, vault: Vault) -> None:
        self._world, self._vault = world, vault

    def register(self, pages: Blueprint) -> None:
        """Add the routes of the tenants and the delays to the blueprint."""
        pages.add_url_rule("/tenants/<domain>", "tenant", self.tenant, methods=["GET", "PATCH"])
        pages.add_url_rule("/issued", "issued", self.issued, methods=["GET"])
        pages.add_url_rule("/crowd", "crowd", self.crowd, methods=["POST"])
        pages.add_url_rule("/settings", "settings", self.settings, methods=["GET", "PUT"])
        pages.add_url_rule("/bot", "bot", self.bot, methods=["PUT"])

    def tenant(self, domain: str) -> ResponseReturnValue:
        """Return the state of a tenant without its secrets.

        A PATCH sets the given values (see :mod:`practice.microsoft.setters`).
        """
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
        """Return every client secret, authorization code and refresh token ever issued.

        With this list a test can search for secrets in logs and files.
        """
        with self._world.lock:
            found = {
                "client_secrets": self._world.told,
                "codes": list(self._vault.codes),
                "refresh_tokens": list(self._vault.refresh),
            }
            return jsonify(found)

    def crowd(self) -> ResponseReturnValue:
        """Create many tenants with working channels (see :mod:`practice.microsoft.crowd`)."""
        with self._world.lock:
            return jsonify(crowd.make(self._world, request.get_json(force=True)))

    def settings(self) -> ResponseReturnValue:
        """Return the delays; a PUT changes them."""
        if request.method == "PUT":
            try:
                return jsonify(self._world.settings.change(request.get_json(force=True)))
            except ValueError as error:
                return jsonify({"error": str(error)}), 400
        return jsonify(self._world.settings.public())

    def bot(self) -> ResponseReturnValue:
        """Change the registration of the bot's own app, as its operator does in Entra.

        ``redirect_uris`` are its redirect URIs; until they are set, any address on this machine is
        accepted. ``certificates`` are PEM texts. ``federated`` are federated credentials with
        ``issuer``, ``subject``, ``audiences`` and ``jwks``, the issuer's public keys, which Entra
        would fetch from the issuer.
        """
        asked = request.get_json(force=True)
        with self._world.lock:
            found = self._world.application(self._world.settings.bot_client_id)
            if found is None:
                return jsonify({"error": "no such app"}), 404
            tenant, app = found
            changed: Json = {}
            if "redirect_uris" in asked:
                changed["web"] = {"redirectUris": list(asked["redirect_uris"])}
            changed |= {name: asked[key] for key, name in CREDENTIALS.items() if key in asked}
            tenant.applications.seed(app | changed)
        return jsonify({})


def shown(tenant: Tenant) -> Json:
    """Return the state of a tenant for people, without the text of secrets."""
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
