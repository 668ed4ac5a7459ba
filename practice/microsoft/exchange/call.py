"""One cmdlet: its parameters, who may run it, and how its errors look (facts/microsoft.md 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from practice.microsoft import ids
from practice.microsoft.world import Organization, Tenant, User, World

Json = dict[str, Any]
CORE: Final = "Microsoft.Exchange.Admin.OData.Core.ODataServiceException"
TRANSFORMATION: Final = "Microsoft.Exchange.AdminApi.CommandInvocation.ParameterTransformationException"
INVALID: Final = "Invalid Operation"
TASKS: Final = "Microsoft.Exchange.Configuration.Tasks"

ADMINISTRATORS: Final = frozenset({ids.GLOBAL_ADMINISTRATOR, ids.EXCHANGE_ADMINISTRATOR})
RECIPIENTS: Final = ADMINISTRATORS | {ids.EXCHANGE_RECIPIENT_ADMINISTRATOR}
READERS: Final = RECIPIENTS | {ids.GLOBAL_READER, ids.SECURITY_READER, ids.SECURITY_ADMINISTRATOR}
SECURITY: Final = ADMINISTRATORS | {ids.SECURITY_ADMINISTRATOR}


class CmdletError(Exception):
    """A cmdlet that failed: status, the generic message, the exception's type and its own message."""

    def __init__(
        self, status: int, kind: str, message: str, *, generic: str = "Error executing cmdlet", code: str = "InternalServerError"
    ) -> None:
        super().__init__(kind)
        self.status, self.kind, self.message, self.generic, self.code = status, kind, message, generic, code

    def body(self) -> Json:
        """The answer's body, shaped as the captures of its kind are."""
        inner: Json = {"message": self.generic, "type": CORE, "stacktrace": ""}
        error: Json = {"code": self.code, "message": self.generic}
        if self.generic == INVALID:
            inner["internalexception"] = {"message": self.message, "type": self.kind, "stacktrace": ""}
        if self.kind == TRANSFORMATION:
            return {"error": error | {"innererror": inner, "adminapi.warnings@odata.type": "#Collection(String)", "@adminapi.warnings": []}}
        tag = "" if self.generic == INVALID else "Ex6F9304"
        details = [{"code": "Client", "target": "", "message": f"{tag}|{self.kind}|{self.message}"}]
        return {"error": error | {"details": details, "innererror": inner}}


def invalid(message: str, kind: str = TRANSFORMATION) -> CmdletError:
    """400: a value that the cmdlet cannot take."""
    return CmdletError(400, kind, message, generic=INVALID, code="BadRequest")


def failed(message: str, kind: str = f"{TASKS}.TaskException") -> CmdletError:
    """400: the cmdlet ran and refused."""
    return CmdletError(400, kind, message)


def missing(name: str) -> CmdletError:
    """404: no such object."""
    text = f"The operation couldn't be performed because object '{name}' couldn't be found on 'PRACTICE01DC01.practice.example'."
    return CmdletError(404, f"{TASKS}.ManagementObjectNotFoundException", text)


def exists(name: str) -> CmdletError:
    """400: the name is taken."""
    kind = "Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException"
    return failed(f'The object "{name}" already exists.', kind)


@dataclass(frozen=True, slots=True)
class Run:
    """A cmdlet under way; parameters are looked up without regard to case."""

    world: World
    tenant: Tenant
    who: str
    cmdlet: str
    given: Json

    @property
    def organization(self) -> Organization:
        """The tenant's Exchange organisation."""
        return self.tenant.exchange

    def has(self, name: str) -> bool:
        """Whether the parameter was given, be it null."""
        return name.lower() in self.given

    def value(self, name: str) -> Any:
        """The parameter's value or None."""
        return self.given.get(name.lower())

    def text(self, name: str) -> str:
        """A text that has to be there; raises 400."""
        value = self.value(name)
        if not isinstance(value, str) or not value:
            raise invalid(f"Cannot process command because of one or more missing mandatory parameters: {name}.")
        return value

    def flag(self, name: str) -> bool:
        """A boolean; raises 400 for anything else."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise invalid(
                f'Cannot process argument transformation on parameter \'{name}\'. Cannot convert value "{value}" to type "System.Boolean".'
            )
        return value

    def list_(self, name: str) -> list[str]:
        """A multi-valued parameter: a list or one text."""
        value = self.value(name)
        if value is None:
            return []
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]

    def mailbox_user(self) -> User:
        """The user with a mailbox whom Identity names; raises 404."""
        name = self.text("Identity")
        user = self.tenant.user(name)
        if user is None or user.mailbox is None or not user.licensed:
            raise missing(name)
        return user

    def note(self, name: str, before: Any, after: Any) -> None:
        """Write to the journal."""
        self.world.journal.write(self.who, "exchange", self.cmdlet, name, before, after)


Rows = list[Json]
Work = Callable[[Run], Rows]


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """A cmdlet with its parameters and the directory roles that may run it."""

    name: str
    parameters: frozenset[str]
    roles: frozenset[str]
    work: Work


CMDLETS: Final[dict[str, Cmdlet]] = {}
COMMON: Final = frozenset({"confirm", "whatif", "erroraction", "warningaction", "verbose"})


def cmdlet(name: str, roles: frozenset[str], parameters: str = "") -> Callable[[Work], Work]:
    """Register a cmdlet; the parameters are their names with spaces between."""

    def add(work: Work) -> Work:
        CMDLETS[name.lower()] = Cmdlet(name, frozenset(parameters.lower().split()) | COMMON, roles, work)
        return work

    return add
