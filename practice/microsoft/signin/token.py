"""Token endpoint: authorization_code, refresh_token and client_credentials.

Source: platforms/microsoft.md 4.
"""

import hmac
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.signin import clients, consent, scopes
from practice.microsoft.signin.assertions import check_assertion
from practice.microsoft.signin.authorize import note_sign_in
from practice.microsoft.signin.clients import Client
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.signin.scopes import Wanted
from practice.microsoft.tokens import (
    ACCESS,
    CODE,
    CODE_BEGINS,
    REFRESH,
    SPA_REFRESH,
    Code,
    Keys,
    Refresh,
    Vault,
    challenge_of,
    client_info,
    pairwise,
)
from practice.microsoft.world import Tenant, User, World, new_id

Json = dict[str, Any]
GRANTS: Final = ("authorization_code", "refresh_token", "client_credentials")


class TokenEndpoint:
    """Endpoint that redeems codes, refresh tokens and client credentials for tokens."""

    def __init__(self, world: World, vault: Vault, keys: Keys) -> None:
        self._world, self._vault, self._keys = world, vault, keys

    def answer(self, tenant: str, form: dict[str, str]) -> Json:
        """Return the body of the token endpoint's response.

        A person's failed sign-in is added to the log.

        Raises:
            Trouble: when the request is refused.
        """
        try:
            return self._answered(tenant, form)
        except Trouble as trouble:
            self._note(form, trouble.code)
            raise

    def _note(self, form: dict[str, str], code: int) -> None:
        """Add a row to the sign-in log if the person who signs in is known.

        Redeeming a code is part of an interactive sign-in; a refresh is not.
        """
        first = self._vault.codes.get(form.get("code", ""))
        record = first or self._vault.refresh.get(form.get("refresh_token", ""))
        app = self._world.application(record.client_id, settled=False) if record else None
        if record and app:
            tenant = self._world.tenants[record.tenant_id]
            if user := tenant.users.get(record.user_id):
                note_sign_in(self._world, tenant, user, app[1], code, interactive=first is not None)

    def _answered(self, tenant: str, form: dict[str, str]) -> Json:
        grant = form.get("grant_type", "")
        if not grant:
            raise Trouble(900144, ("grant_type",))
        client = clients.client(self._world, tenant, form.get("client_id", ""))
        if grant not in GRANTS:
            raise Trouble(70003, (grant,))
        if form.get("client_assertion"):
            check_assertion(self._world, client.app, tenant, form)
        else:
            clients.check_secret(self._world, client.app, form.get("client_secret"))
        if grant == "client_credentials":
            return self._app_only(client, form)
        return (
            self._by_code(client, form)
            if grant == "authorization_code"
            else self._by_refresh(client, form)
        )

    def _by_code(self, client: Client, form: dict[str, str]) -> Json:
        record = self._vault.codes.get(_need(form, "code"))
        if record is None and not form["code"].startswith(CODE_BEGINS):
            raise Trouble(9002313, error="invalid_grant")
        if record is None or record.client_id != client.app["appId"]:
            raise Trouble(70000)
        if record.used:
            raise Trouble(54005)
        _check_tenant(client, record.tenant_id)
        if self._world.now() - record.at > CODE:
            raise Trouble(70008)
        if _need(form, "redirect_uri") != record.redirect_uri:
            raise Trouble(50011, (form["redirect_uri"], client.app["appId"]))
        _check_verifier(record, form.get("code_verifier", ""))
        record.used = True
        tenant, user = self._person(record.tenant_id, record.user_id)
        return self._delegated(
            client, tenant, user, form.get("scope") or record.scope, record, record.nonce
        )

    def _by_refresh(self, client: Client, form: dict[str, str]) -> Json:
        record = self._vault.refresh.get(_need(form, "refresh_token"))
        if record is None or record.dead or record.client_id != client.app["appId"]:
            raise Trouble(70000)
        _check_tenant(client, record.tenant_id)
        tenant, user = self._person(record.tenant_id, record.user_id)
        self._alive(record, user, client.app)
        client.assigned(tenant, user)
        clients.conditional_access(tenant, user)
        if self._world.settings.scopeless_refresh:
            form = {"scope": record.scope, **form}
        given = self._delegated(client, tenant, user, _need(form, "scope"), record, "")
        note_sign_in(
            self._world, tenant, user, client.app, 0, interactive=False, scope=form["scope"]
        )
        return given

    def _alive(self, record: Refresh, user: User, app: Json) -> None:
        if user.sessions_valid_from > record.at:
            raise Trouble(50173)
        if self._world.now() - record.at > REFRESH:
            raise Trouble(700082)
        if (
            record.redirect_uri in app.get("spa", {}).get("redirectUris", [])
            and self._world.now() - record.at > SPA_REFRESH
        ):
            raise Trouble(700084)

    def _person(self, tenant_id: str, user_id: str) -> tuple[Tenant, User]:
        tenant = self._world.tenants[tenant_id]
        user = tenant.users.get(user_id)
        if user is None:
            raise Trouble(50057)
        clients.usable_account(user)
        return tenant, user

    def _delegated(  # noqa: PLR0913, PLR0917  all that the token depends on
        self,
        client: Client,
        tenant: Tenant,
        user: User,
        text: str,
        first: Code | Refresh,
        nonce: str,
    ) -> Json:
        asked = scopes.parse(text, self._world)
        item = scopes.one(asked, text) or Wanted(ids.GRAPH_APP, scopes.GRAPH, frozenset())
        principal = clients.principal_of(client, tenant)
        have = consent.usable(tenant, principal, user, item) if item.scopes else set()
        shown = sorted(have) or sorted(asked.oidc)
        claims = self._person_claims(client, tenant, user) | {
            "aud": item.audience,
            "scp": " ".join(shown),
        }
        prefix = "" if item.audience == scopes.GRAPH else f"{item.audience}/"
        body: Json = {
            "token_type": "Bearer",
            "scope": " ".join(sorted({f"{prefix}{scope}" for scope in shown})),
            "expires_in": int(ACCESS.total_seconds()),
            "ext_expires_in": int(ACCESS.total_seconds()),
            "access_token": self._keys.sign(claims, self._world.now()),
        }
        agreed = f"{first.scope} {text}".split()
        if "offline_access" in agreed:
            scope = f"{first.scope} offline_access"
            record = Refresh(
                client.app["appId"],
                tenant.id,
                user.id,
                scope,
                self._world.now(),
                first.redirect_uri,
            )
            body["refresh_token"] = self._vault.token(record)
        if "openid" in agreed:
            body["id_token"] = self._id_token(client, tenant, user, nonce)
            body["client_info"] = client_info(user.id, tenant.id)
        return body

    def _person_claims(self, client: Client, tenant: Tenant, user: User) -> Json:
        return {
            "iss": f"{self._world.base_url}/{tenant.id}/v2.0",
            "tid": tenant.id,
            "oid": user.id,
            "sub": pairwise(user.id, client.app["appId"]),
            "upn": user.upn,
            "unique_name": user.upn,
            "name": user.name,
            "appid": client.app["appId"],
            "azp": client.app["appId"],
            "idtyp": "user",
            "wids": [*sorted(user.roles), ids.ORDINARY_USER],
            "uti": new_id(),
            "ver": "1.0",
        }

    def _id_token(self, client: Client, tenant: Tenant, user: User, nonce: str) -> str:
        claims = self._person_claims(client, tenant, user)
        kept = {name: claims[name] for name in ("iss", "tid", "oid", "sub", "name", "wids", "uti")}
        kept |= {"aud": client.app["appId"], "preferred_username": user.upn, "ver": "2.0"}
        return self._keys.sign(kept | ({"nonce": nonce} if nonce else {}), self._world.now())

    def _app_only(self, client: Client, form: dict[str, str]) -> Json:
        text = _need(form, "scope")
        item = scopes.one(scopes.parse(text, self._world), text)
        if item is None or not item.default or client.tenant is None:
            raise Trouble(70011, (text,))
        principal = self._world.principal(client.tenant, client.app["appId"])
        if principal is None:
            raise Trouble(700016, (client.app["appId"], client.tenant.name))
        claims = {
            "iss": f"{self._world.base_url}/{client.tenant.id}/v2.0",
            "aud": item.audience,
            "tid": client.tenant.id,
            "oid": principal["id"],
            "sub": principal["id"],
            "appid": client.app["appId"],
            "idtyp": "app",
            "roles": consent.roles_of(self._world, client.tenant, principal, item.app_id),
            "wids": sorted(client.tenant.principal_roles.get(principal["id"], ())),
        }
        seconds = int(ACCESS.total_seconds())
        token = self._keys.sign(claims, self._world.now())
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }


def _need(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise Trouble(900144, (name,))
    return form[name]


def _check_tenant(client: Client, tenant_id: str) -> None:
    if client.tenant and client.tenant.id != tenant_id:
        raise Trouble(700005)


def _check_verifier(record: Code, verifier: str) -> None:
    if record.challenge and not verifier:
        raise Trouble(501481)
    if record.challenge and not hmac.compare_digest(
        challenge_of(verifier, record.method).encode(), record.challenge.encode()
    ):
        raise Trouble(501481)
