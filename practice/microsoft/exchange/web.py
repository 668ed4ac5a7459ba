"""Flask blueprint of InvokeCommand, $batch and EXOModuleFile (microsoft.md 3.2 to 3.5)."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, abort, jsonify, request

from practice.microsoft.exchange import mailbox, organization, outbound, paging, permission, tracing
from practice.microsoft.exchange.call import CMDLETS, Cmdlet, CmdletError, Run, invalid
from practice.microsoft.signin.scopes import OUTLOOK
from practice.microsoft.tokens import BadTokenError, Keys
from practice.microsoft.world import Tenant, World, new_id

Json = dict[str, Any]
SERVED: Final = (mailbox, organization, outbound, permission, tracing)
AUDIENCES: Final = frozenset({OUTLOOK, "00000002-0000-0ff1-ce00-000000000000"})
NULS: Final = b"\0" * 4096
MOST: Final = 10
MORE: Final = (
    "There are more results available than are currently displayed. To view them, increase the "
    "value for the ResultSize parameter."
)
KINDS: Final = {bool: "System.Boolean", int: "System.Int32"}
UNKNOWN: Final = "Microsoft.Exchange.AdminApi.CommandInvocation.AmbiguousParameterSetException"


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """Response with status 401 or 403 and without a JSON body.

    The body of the 403 is NUL bytes that it declares as gzip (measured in 2026).
    """

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Result:
    """Rows of a cmdlet with its warnings."""

    rows: list[Json]
    warnings: list[str]


class Caller:
    """Caller of cmdlets, with the claims of the caller's Exchange token and the tenant."""

    def __init__(self, world: World, tenant: Tenant, claims: Json) -> None:
        self.world, self.tenant = world, tenant
        user = tenant.users.get(claims["oid"])
        self.who = user.upn if user else f"app {claims['appid']}"
        self.alone = user is None
        self._roles = user.roles if user else tenant.principal_roles.get(claims["oid"], set())

    def may(self, cmdlet: Cmdlet) -> bool:
        """Return whether one of the caller's directory roles allows the cmdlet."""
        return bool(self._roles & cmdlet.roles)

    def run(self, command: Json) -> Result:
        """Run the cmdlet and return its rows.

        Raises:
            Refused: with status 403 when the cmdlet is unknown or not allowed.
            CmdletError: when it fails.
        """
        parameters = command.get("Parameters")
        cmdlet = CMDLETS.get(str(command.get("CmdletName", "")).lower())
        if cmdlet is None or not self.may(cmdlet):
            raise Refused(403)
        if not isinstance(parameters, dict):
            raise invalid("Parameters has to be an object.")
        given = {
            name.lower(): value for name, value in parameters.items() if not name.startswith("@")
        }
        _check_names(cmdlet, parameters)
        run = Run(self.world, self.tenant, self.who, cmdlet.name, given)
        return Result(_limited(run, cmdlet.work(run)), run.warnings)


def _check_names(cmdlet: Cmdlet, parameters: Json) -> None:
    """Check that the cmdlet has each of the given parameters.

    Raises:
        CmdletError: The cmdlet does not have one of them.
    """
    named = (name for name in parameters if not name.startswith("@"))
    strange = [name for name in named if name.lower() not in cmdlet.parameters]
    if strange:
        text = (
            "Parameter set cannot be resolved using the specified named parameters. "
            "Invalid cmdlet parameters specified. "
        )
        raise invalid(text + ", ".join(strange), UNKNOWN)


def _limited(run: Run, rows: list[Json]) -> list[Json]:
    """Return as many rows as ResultSize asks for.

    If rows are left out, the cmdlet's answer has a warning.
    """
    most = str(run.value("ResultSize") or "")
    if most.isdigit() and len(rows) > int(most):
        run.warnings.append(MORE)
        return rows[: int(most)]
    return rows


def blueprint(world: World, keys: Keys) -> Blueprint:
    """Return the blueprint of everything under ``/adminapi/``; paths are not case-sensitive."""
    bp = Blueprint("exchange", __name__)

    def answer(version: str, tenant: str, rest: str) -> Response:
        with world.lock:
            try:
                return _dispatch(
                    _caller(world, keys, tenant), version.lower(), rest.lower().strip("/")
                )
            except Refused as refused:
                return _refused(refused)

    bp.add_url_rule(
        "/adminapi/<version>/<tenant>/<path:rest>", "exchange", answer, methods=["GET", "POST"]
    )
    return bp


def _dispatch(caller: Caller, version: str, path: str) -> Response:
    if version not in {"beta", "v1.0"}:
        abort(404)
    asked = f"{request.method} {path}"
    if asked == "POST invokecommand":
        status, body = _invoke(
            caller, request.get_json(silent=True, force=True), request.args.get("$select", "")
        )
        return _json(status, body)
    if asked == "POST $batch":
        return _batch(caller)
    if asked == "GET exomodulefile":
        return _module(caller)
    return abort(404)


def _module(caller: Caller) -> Response:
    """Return the names of the cmdlets that the caller may run.

    The answer has the form in which PowerShell's module reads it.
    """
    names = ",".join(sorted(cmdlet.name for cmdlet in CMDLETS.values() if caller.may(cmdlet)))
    return _json(
        200, {"value": [{"exportedCmdlets": names, "version": request.args.get("Version", "")}]}
    )


def _caller(world: World, keys: Keys, tenant_name: str) -> Caller:
    """Return the caller of the request.

    Raises:
        Refused: with status 401 for a token that is not an Exchange token with a grant for cmdlets,
            or 403 for another tenant's token.
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        claims = keys.read(token.strip(), world.now())
    except BadTokenError:
        raise Refused(401) from None
    granted = {*claims.get("scp", "").split(), *claims.get("roles", [])}
    if (
        kind.lower() != "bearer"
        or claims["aud"] not in AUDIENCES
        or not granted & {"Exchange.Manage", "Exchange.ManageAsApp"}
    ):
        raise Refused(401)
    tenant = world.tenant(tenant_name)
    if tenant is None or tenant.id != claims["tid"]:
        raise Refused(403)
    return Caller(world, tenant, claims)


def _invoke(caller: Caller, body: Any, select: str) -> tuple[int, Json]:
    command = body.get("CmdletInput") if isinstance(body, dict) else None
    try:
        if not isinstance(command, dict):
            raise invalid("CmdletInput is missing.")
        result = caller.run(command)
        root = f"{caller.world.base_url}/adminapi/beta/{caller.tenant.id}"
        page = paging.page(
            [_sidecars(_selected(row, select)) for row in result.rows],
            request.headers.get("Prefer", ""),
            request.args.get("$skiptoken", ""),
            f"{root}/InvokeCommand",
            alone=caller.alone,
        )
    except CmdletError as error:
        return error.status, error.body()
    return 200, {
        "@odata.context": f"{root}/$metadata#Collection(Exchange.GenericHashTable)",
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": result.warnings,
        **page,
    }


def _selected(row: Json, select: str) -> Json:
    names = {name.strip().lower() for name in select.split(",") if name.strip()}
    return {name: value for name, value in row.items() if not names or name.lower() in names}


def _sidecars(row: Json) -> Json:
    """Return the row with the type of each property that is not a text."""
    shown: Json = {}
    for name, value in row.items():
        if isinstance(value, list):
            shown[f"{name}@odata.type"] = "#Collection(String)"
        elif type(value) in KINDS:
            shown[f"{name}@data.type"] = KINDS[type(value)]
        shown[name] = value
    return shown


def _batch(caller: Caller) -> Response:
    body = request.get_json(silent=True, force=True)
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list) or not 0 < len(requests) <= MOST:
        return _json(400, invalid(f"A batch has 1 to {MOST} requests.").body())
    answers = []
    for item in requests:
        try:
            status, answer = _invoke(caller, item.get("body"), "")
        except Refused as refused:
            status, answer = refused.status, {}
        answers.append(
            {
                "id": item.get("id"),
                "status": status,
                "headers": {"Content-Type": "application/json"},
                "body": answer,
            }
        )
    return _json(200, {"responses": answers})


def _json(status: int, body: Json) -> Response:
    response = jsonify(body)
    response.status_code = status
    return _numbered(response)


def _refused(refused: Refused) -> Response:
    if refused.status == 403:  # noqa: PLR2004 - the one status with a body
        headers = {"Content-Encoding": "gzip"}
        return _numbered(Response(NULS, 403, headers, mimetype="text/plain"))
    return _numbered(Response(b"", 401, {"WWW-Authenticate": f'Bearer client_id="{OUTLOOK}"'}))


def _numbered(response: Response) -> Response:
    number = new_id()
    response.headers.update(
        {
            "request-id": number,
            "client-request-id": request.headers.get("client-request-id") or number,
        }
    )
    return response
