"""Cmdlet call: its parameters, the roles that may run it, and its errors.

Source: platforms/microsoft.md 3.5.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.world import Organization, Tenant, User, World

Json = dict[str, Any]
CORE: Final = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
TRANSFORMATION: Final = (
    "Microsoft.Exchange.AdminApi.CommandInvocation.ParameterTransformationException"
)
INVALID: Final = "Invalid Operation"
TASKS: Final = "Microsoft.Exchange.Configuration.Tasks"

ADMINISTRATORS: Final = frozenset({ids.GLOBAL_ADMINISTRATOR, ids.EXCHANGE_ADMINISTRATOR})
RECIPIENTS: Final = ADMINISTRATORS | {ids.EXCHANGE_RECIPIENT_ADMINISTRATOR}
READERS: Final = RECIPIENTS | {ids.GLOBAL_READER, ids.SECURITY_READER, ids.SECURITY_ADMINISTRATOR}
SECURITY: Final = ADMINISTRATORS | {ids.SECURITY_ADMINISTRATOR}


class CmdletError(Exception):
    """Error of a cmdlet, with its HTTP status and its texts.

    The texts are a generic message, and the type and the own message of the exception.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        generic: str = "Error executing cmdlet",
        code: str = "InternalServerError",
    ) -> None:
        super().__init__(kind)
        self.status, self.kind, self.message, self.generic, self.code = (
            status,
            kind,
            message,
            generic,
            code,
        )

    def body(self) -> Json:
        """Return the response body, in the shape of recorded errors of this kind."""
        inner: Json = {"message": self.generic, "type": CORE, "stacktrace": ""}
        error: Json = {"code": self.code, "message": self.generic}
        if self.generic == INVALID:
            inner["internalexception"] = {
                "message": self.message,
                "type": self.kind,
                "stacktrace": "",
            }
        if self.kind == TRANSFORMATION:
            return {
                "error": error
                | {
                    "innererror": inner,
                    "adminapi.warnings@odata.type": "#Collection(String)",
                    "@adminapi.warnings": [],
                }
            }
        tag = "" if self.generic == INVALID else "Ex6F9304"
        details = [
            {
                "code": "Context" if self.code == "NotFound" else "Client",
                "target": "",
                "message": f"{tag}|{self.kind}|{self.message}",
            }
        ]
        return {"error": error | {"details": details, "innererror": inner}}


def invalid(message: str, kind: str = TRANSFORMATION) -> CmdletError:
    """Return the error 400 for a value that the cmdlet cannot accept."""
    return CmdletError(400, kind, message, generic=INVALID, code="BadRequest")


def failed(message: str, kind: str = f"{TASKS}.TaskException") -> CmdletError:
    """Return the error 400 for a cmdlet that ran and refused the request."""
    return CmdletError(400, kind, message)


def missing(name: str) -> CmdletError:
    """Return the error 404 ``NotFound`` for an object that no reader knows.

    The object does not exist, or it is not yet replicated.
    """
    text = (
        f"The operation couldn't be performed because object '{name}' couldn't be found "
        "on 'PRACTICE01DC01.practice.example'."
    )
    return CmdletError(404, f"{TASKS}.ManagementObjectNotFoundException", text, code="NotFound")


def exists(name: str) -> CmdletError:
    """Return the error 400 for a name that another object has."""
    kind = "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException"
    return failed(f'The object "{name}" already exists.', kind)


def identified(row: Json) -> Json:
    """Return an object with the properties that name every object of Exchange.

    They are ``Id``, ``Guid`` and the object's class.
    """
    name = str(row.get("Name"))
    guid = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return {"Guid": guid, "ObjectClass": ["top"]} | row | {"Id": name}


@dataclass(frozen=True, slots=True)
class Run:
    """Cmdlet call in progress; parameter names are not case-sensitive."""

    world: World
    tenant: Tenant
    who: str
    cmdlet: str
    given: Json
    warnings: list[str] = field(default_factory=list)

    @property
    def organization(self) -> Organization:
        """Return the Exchange organization of the tenant."""
        return self.tenant.exchange

    def has(self, name: str) -> bool:
        """Return whether the call has this parameter, even with the value null."""
        return name.lower() in self.given

    def value(self, name: str) -> Any:
        """Return the value of this parameter, or None."""
        return self.given.get(name.lower())

    def text(self, name: str) -> str:
        """Return the value of a required parameter as a text.

        Raises:
            CmdletError: with status 400 when the value is missing or empty.
        """
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise invalid(
                f"Cannot process command because of one or more missing mandatory parameters: {name}."
            )
        return value

    def flag(self, name: str) -> bool:
        """Return the value of a boolean parameter.

        Raises:
            CmdletError: with status 400 for any other value.
        """
        value = self.value(name)
        if not isinstance(value, bool):
            raise invalid(
                f"Cannot process argument transformation on parameter '{name}'. "
                f'Cannot convert value "{value}" to type "System.Boolean".'
            )
        return value

    def list_(self, name: str) -> list[str]:
        """Return the values of a multi-valued parameter, which may be given as one text."""
        value = self.value(name)
        if value is None:
            return []
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]

    def mailbox_user(self) -> User:
        """Return the user with a mailbox that Identity names.

        Raises:
            CmdletError: with status 404 when there is no such mailbox.
        """
        name = self.text("Identity")
        user = self.tenant.user(name)
        if user is None or not user.has_mailbox:
            raise missing(name)
        return user

    def note(self, name: str, before: Any, after: Any) -> None:
        """Write the call's change to the journal."""
        self.world.journal.write(self.who, "exchange", self.cmdlet, name, before, after)


Rows = list[Json]
Work = Callable[[Run], Rows]


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """Cmdlet with its parameters and the directory roles that may run it."""

    name: str
    parameters: frozenset[str]
    roles: frozenset[str]
    work: Work


CMDLETS: Final[dict[str, Cmdlet]] = {}
COMMON: Final = frozenset({"confirm", "whatif", "erroraction", "warningaction", "verbose"})


def cmdlet(name: str, roles: frozenset[str], parameters: str = "") -> Callable[[Work], Work]:
    """Register a cmdlet; ``parameters`` holds the names, separated by spaces."""

    def add(work: Work) -> Work:
        CMDLETS[name.lower()] = Cmdlet(
            name, frozenset(parameters.lower().split()) | COMMON, roles, work
        )
        return work

    return add
