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
#: On top of those, only where an application permission is granted (E4 and E5 in the article's profile).
GRAPH_APP_ROLE_SCOPES: tuple[str, ...] = ("AppRoleAssignment.ReadWrite.All", "Application.Read.All")

EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
#: The audience must be Outlook's: a token for Graph's SMTP.Send is refused (facts 4).
SMTP_SCOPE = "https://outlook.office.com/SMTP.Send"

_EXCHANGE_HOSTS = frozenset({"outlook.office365.com", "outlook.office365.cn", "outlook.office365.us", "outlook-dod.office365.us"})
_NATIONAL = (".us", ".cn")


def graph_scopes(graph_url: str, names: tuple[str, ...] = GRAPH_SETUP_SCOPES) -> list[str]:
    """The scopes by short name, or with the resource before them in a national cloud, where a short name means the public Graph."""
    host = urlsplit(graph_url).hostname or ""
    return [f"https://{host}/{name}" for name in names] if host.endswith(_NATIONAL) else list(names)


def exchange_scope(exchange_url: str) -> str:
    """The scope for Exchange cmdlets; a host that is none of Microsoft's (a loopback) stands for the public cloud."""
    host = urlsplit(exchange_url).hostname or ""
    return f"https://{host}/.default" if host in _EXCHANGE_HOSTS else EXCHANGE_SCOPE
