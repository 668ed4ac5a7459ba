"""What the bot asks permission for (facts 3.3, 4 and 6.2), in the public and the national clouds."""

from __future__ import annotations

from urllib.parse import urlsplit

#: To set up, signed in as an administrator: the least that the steps need.
GRAPH_SETUP_SCOPES: tuple[str, ...] = (
    "Application.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "ExchangeMessageTrace.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
#: To check, signed in: read-only (6.2 b).
GRAPH_READ_SCOPES: tuple[str, ...] = (
    "Application.Read.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "ExchangeMessageTrace.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
#: To check without anybody signed in: app roles of the bot's own app, read-only, exactly those of facts 6.2 b.
GRAPH_APP_ROLES: tuple[str, ...] = (
    "Application.Read.All",
    "Directory.Read.All",
    "ExchangeMessageTrace.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
#: The sign-in log, which answers only in tenants with Entra ID P1: good to have, not needed. Nothing beyond facts 6.2 b, so
#: what takes another permission, as the service health does, stays with a sign-in.
OPTIONAL_APP_ROLES: tuple[str, ...] = ("AuditLog.Read.All",)
#: Lets the app in at Exchange; what it may read there comes from an Entra role on its service principal (facts 3.3).
EXCHANGE_APP_ROLES: tuple[str, ...] = ("Exchange.ManageAsApp",)

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
#: The audience must be Outlook's: a token for Graph's SMTP.Send is refused (facts 4).
SMTP_SCOPE = "https://outlook.office.com/SMTP.Send"

_EXCHANGE_HOSTS = frozenset({"outlook.office365.com", "outlook.office365.cn", "outlook.office365.us", "outlook-dod.office365.us"})
_NATIONAL = (".us", ".cn")
#: Graph traces messages in the global cloud only (facts 2.5); elsewhere the cmdlet does.
_GLOBAL_ONLY = frozenset({"ExchangeMessageTrace.Read.All"})


def graph_scopes(graph_url: str, names: tuple[str, ...] = GRAPH_SETUP_SCOPES) -> list[str]:
    """The scopes by short name, or with the resource before them in a national cloud, where a short name means the public Graph."""
    host = _host(graph_url)
    return [f"https://{host}/{name}" for name in names_in(graph_url, names)] if host.endswith(_NATIONAL) else list(names)


def names_in(graph_url: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the permissions that there are in this Graph's cloud."""
    missing = _GLOBAL_ONLY if _host(graph_url).endswith(_NATIONAL) else frozenset()
    return tuple(name for name in names if name not in missing)


def smtp_scope(exchange_url: str) -> str:
    """The one scope of the channel; in a national cloud at that cloud's Outlook, which is where Exchange is."""
    host = _host(exchange_url)
    return f"https://{host}/SMTP.Send" if host in _EXCHANGE_HOSTS and host.endswith(_NATIONAL) else SMTP_SCOPE


def graph_default(graph_url: str) -> str:
    """The scope for all that the app has been granted at Graph; a host of no national cloud stands for the public one."""
    host = _host(graph_url)
    return f"https://{host}/.default" if host.endswith(_NATIONAL) else GRAPH_SCOPE


def app_may_read(reads: tuple[str, ...]) -> bool:
    """Whether the bot's own access can be enough: it has these Graph permissions, and a role in Exchange is the tenant's to give."""
    return all("." not in name or name in {*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES} for name in reads)


def exchange_scope(exchange_url: str) -> str:
    """The scope for Exchange cmdlets; a host that is none of Microsoft's (a loopback) stands for the public cloud."""
    host = _host(exchange_url)
    return f"https://{host}/.default" if host in _EXCHANGE_HOSTS else EXCHANGE_SCOPE


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
