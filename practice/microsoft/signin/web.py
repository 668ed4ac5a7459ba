"""Flask blueprint of the sign-in half, at the root of the site.

Its paths are not case-sensitive.
"""

import base64
import binascii
from typing import Any, Final
from urllib.parse import unquote_plus, urlencode

from flask import Blueprint, Response, abort, jsonify, make_response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from practice.microsoft.signin import adminconsent, authorize, clients, pages
from practice.microsoft.signin.authorize import Redirect
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.signin.token import TokenEndpoint
from practice.microsoft.tokens import Keys, Vault
from practice.microsoft.world import World, new_id

Json = dict[str, Any]
NEED_APPROVAL: Final = 90094
AUTHORIZE: Final = "oauth2/v2.0/authorize"
TOKEN: Final = "oauth2/v2.0/token"
CONSENT: Final = ("v2.0/adminconsent", "adminconsent")


def blueprint(world: World, vault: Vault, keys: Keys) -> Blueprint:
    """Return the blueprint of everything under ``/{tenant}/``."""
    site = Site(world, vault, keys)
    bp = Blueprint("entra", __name__)
    bp.add_url_rule("/<tenant>/<path:rest>", "entra", site.answer, methods=["GET", "POST"])
    return bp


class Site:
    """Dispatcher of the sign-in pages by path and method.

    All work is done under the world's lock.
    """

    def __init__(self, world: World, vault: Vault, keys: Keys) -> None:
        self._world, self._vault, self._keys = world, vault, keys
        self._token = TokenEndpoint(world, vault, keys)

    def answer(self, tenant: str, rest: str) -> AnyResponse:
        """Return the response to any path below a tenant; 404 for unknown paths."""
        path = rest.lower()
        with self._world.lock:
            if path == TOKEN:
                return self._tokens(tenant)
            if path in {AUTHORIZE, *CONSENT}:
                return self._page(tenant, path)
            return self._discovery(tenant, path)

    def _discovery(self, tenant: str, path: str) -> Response:
        if path == "discovery/v2.0/keys":
            return jsonify(self._keys.jwks())
        if path != "v2.0/.well-known/openid-configuration":
            abort(404)
        try:
            found = clients.tenant_named(self._world, tenant)
        except Trouble as trouble:
            return _json(trouble.body(self._world.now()), trouble.status)
        return jsonify(self._configuration(tenant, found.id if found else "{tenantid}"))

    def _configuration(self, tenant: str, tenant_id: str) -> Json:
        base = self._world.base_url
        here = f"{base}/{tenant_id if tenant_id[0] != '{' else tenant}"
        return {
            "issuer": f"{base}/{tenant_id}/v2.0",
            "authorization_endpoint": f"{here}/{AUTHORIZE}",
            "token_endpoint": f"{here}/{TOKEN}",
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "form_post"],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            "code_challenge_methods_supported": ["S256", "plain"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
            "request_uri_parameter_supported": False,
        }

    def _tokens(self, tenant: str) -> Response:
        form = {**_basic(), **request.form.to_dict()}
        try:
            if request.method != "POST":
                raise Trouble(900561)  # noqa: TRY301 - one place answers every Trouble
            body = self._token.answer(tenant, form)
        except Trouble as trouble:
            return _json(
                trouble.body(self._world.now(), request.headers.get("client-request-id", "")),
                trouble.status,
            )
        return _json(body, 200)

    def _page(self, tenant: str, path: str) -> AnyResponse:
        query = {**request.args.to_dict(), **request.form.to_dict()}
        chosen = request.method == "POST" and "action" in query
        try:
            return (
                self._chosen(tenant, path, query)
                if chosen
                else make_response(self._shown(tenant, path, query))
            )
        except Trouble as trouble:
            return self._trouble(trouble, query)

    def _shown(self, tenant: str, path: str, query: dict[str, str]) -> str:
        if path == AUTHORIZE:
            return authorize.show(self._world, tenant, query)
        return adminconsent.show(self._world, tenant, query, legacy=path == CONSENT[1])

    def _chosen(self, tenant: str, path: str, query: dict[str, str]) -> AnyResponse:
        if path == AUTHORIZE:
            return _go(authorize.choose(self._world, self._vault, tenant, query))
        target = adminconsent.choose(self._world, tenant, query, legacy=path == CONSENT[1])
        return _go(target) if target else make_response(pages.granted())

    def _trouble(self, trouble: Trouble, query: dict[str, str]) -> AnyResponse:
        text = trouble.description(new_id(), new_id(), self._world.now())
        told = [
            ("error", trouble.error),
            ("error_description", text),
            ("state", query.get("state", "")),
        ]
        values = tuple(item for item in told if item[1])
        if trouble.back and query.get("redirect_uri"):
            return _go(Redirect(query["redirect_uri"], values, query.get("response_mode", "query")))
        back = (
            f"{query['redirect_uri']}?{urlencode(values)}"
            if trouble.code == NEED_APPROVAL and query.get("redirect_uri")
            else ""
        )
        return make_response(pages.error_page(text, back), 400)


def _go(target: Redirect) -> AnyResponse:
    if target.mode == "form_post":
        return make_response(pages.form_post(target.uri, target.values))
    joint = "&" if "?" in target.uri else "?"
    return redirect(f"{target.uri}{joint}{urlencode(target.values)}", 302)


def _json(body: Json, status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers.update(
        {"Cache-Control": "no-store", "Pragma": "no-cache", "x-ms-request-id": new_id()}
    )
    return response


def _basic() -> dict[str, str]:
    """Return the client ID and secret of a Basic authorization header, or an empty dict."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return {}
    return {"client_id": unquote_plus(name), "client_secret": unquote_plus(secret)}
