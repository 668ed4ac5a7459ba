"""Flask blueprint of Graph.

It checks the token and the permissions, and adds the IDs on every response and the error format.
"""

from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from practice.microsoft.graph import (
    applications,
    grants,
    health,
    passwords,
    people,
    policies,
    principals,
    tenant,
    tracing,
)
from practice.microsoft.graph.call import ROUTER, Answer, Call, GraphError, Route
from practice.microsoft.routing import Match
from practice.microsoft.signin.scopes import GRAPH
from practice.microsoft.tokens import BadTokenError, Keys
from practice.microsoft.world import World, new_id, stamp

Json = dict[str, Any]
AUDIENCES: Final = frozenset({GRAPH, "00000003-0000-0000-c000-000000000000"})
SERVED: Final = (
    applications,
    grants,
    health,
    passwords,
    people,
    policies,
    principals,
    tenant,
    tracing,
)
METHODS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def blueprint(world: World, keys: Keys) -> Blueprint:
    """Return the blueprint of ``/graph/v1.0/`` and of the supported part of ``/graph/beta/``."""
    bp = Blueprint("graph", __name__)

    def answer(rest: str, version: str = "") -> Response:
        with world.lock:
            try:
                done = _handle(world, keys, f"{version}/{rest.strip('/')}")
            except GraphError as error:
                done = Answer(error.status, _error(world, error), error.headers)
        return _response(done)

    bp.add_url_rule("/graph/v1.0/<path:rest>", "graph", answer, methods=METHODS)
    bp.add_url_rule(
        "/graph/beta/<path:rest>",
        "graph_beta",
        answer,
        methods=METHODS,
        defaults={"version": "/beta"},
    )
    return bp


def _handle(world: World, keys: Keys, path: str) -> Answer:
    call = _call(world, keys)
    match = ROUTER.match(request.method, path)
    if match is None:
        known = ROUTER.knows(path)
        text = (
            "Specified HTTP method is not allowed for the request target."
            if known
            else f"Resource not found for the segment '{path[1:]}'."
        )
        raise GraphError(
            405 if known else 400, "Request_BadRequest" if known else "BadRequest", text
        )
    return _run(call, match)


def _run(call: Call, match: Match[Route]) -> Answer:
    call.need(match.handler.groups)
    return match.handler.handler(call, **match.values)


def _call(world: World, keys: Keys) -> Call:
    claims = _claims(world, keys)
    tenant = world.tenants[claims["tid"]]
    body: Any = {}
    if request.method in {"POST", "PATCH", "PUT"} and request.data:
        body = request.get_json(silent=True, force=True)
    if not isinstance(body, dict):
        raise GraphError(400, "BadRequest", "Unable to read JSON request payload.")
    return Call(
        world,
        tenant,
        tenant.users.get(claims["oid"]),
        claims,
        request.args.to_dict(),
        body,
        request.headers.get("Prefer", ""),
        f"{world.base_url}{request.path}",
        eventual=request.headers.get("ConsistencyLevel", "").lower() == "eventual",
    )


def _claims(world: World, keys: Keys) -> Json:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unauthorized("Access token is empty.")
    try:
        claims = keys.read(token.strip(), world.now())
    except BadTokenError as error:
        text = (
            "Lifetime validation failed, the token is expired."
            if "expired" in str(error)
            else "IDX14100: JWT is not well formed."
        )
        raise _unauthorized(text) from error
    if claims["aud"] not in AUDIENCES:
        raise _unauthorized("Access token validation failure. Invalid audience.")
    return claims


def _unauthorized(text: str) -> GraphError:
    return GraphError(
        401,
        "InvalidAuthenticationToken",
        text,
        {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'},
    )


def _error(world: World, error: GraphError) -> Json:
    inner = {"date": stamp(world.now())[:-1], "request-id": "", "client-request-id": ""}
    details = (
        {"details": [{"code": error.detail, "message": error.message, "target": "appId"}]}
        if error.detail
        else {}
    )
    return {"error": {"code": error.code, "message": error.message, **details, "innerError": inner}}


def _response(answer: Answer) -> Response:
    number = new_id()
    client = request.headers.get("client-request-id") or number
    if answer.body and "error" in answer.body:
        answer.body["error"]["innerError"] |= {"request-id": number, "client-request-id": client}
    response = jsonify(answer.body) if answer.body is not None else Response(status=204)
    response.status_code = answer.status
    response.headers.update({"request-id": number, "client-request-id": client, **answer.headers})
    return response
