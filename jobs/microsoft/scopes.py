"""Permissions that the bot requests, in every Microsoft cloud (microsoft.md 3.3, 4 and 6.2)."""

from collections.abc import Collection
from urllib.parse import urlsplit

from jobs.model import Account

#: Check, signed in: read-only (6.2 b).
GRAPH_READ_SCOPES: tuple[str, ...] = (
    "Application.Read.All",
    "AuditLog.Read.All",
    "Directory.Read.All",
    "ExchangeMessageTrace.Read.All",
    "Policy.Read.All",
    "User.Read.All",
)
#: Permissions to read that a permission to write includes. Except for the sign-in log, the steps use
#: ``Directory.Read.All`` only to list the delegated grants.
INCLUDED: dict[str, frozenset[str]] = {
    "Application.ReadWrite.All": frozenset({"Application.Read.All"}),
    "DelegatedPermissionGrant.ReadWrite.All": frozenset({"Directory.Read.All"}),
}
SIGN_IN_LOG = "AuditLog.Read.All"
LOG_NEEDS = frozenset({"Directory.Read.All"})
#: Check without a sign-in: read-only app roles of the bot's own app, exactly those of microsoft.md
#: 6.2 b.
GRAPH_APP_ROLES = tuple(name for name in GRAPH_READ_SCOPES if name != SIGN_IN_LOG)
#: Optional: the sign-in log, which answers only with Entra ID P1. Nothing beyond microsoft.md 6.2 b
#: is requested, so anything that needs another permission, such as service health, needs a sign-in.
OPTIONAL_APP_ROLES: tuple[str, ...] = (SIGN_IN_LOG,)
#: Gives the app access to Exchange. An Entra role on its service principal lets it read
#: (microsoft.md 3.3).
EXCHANGE_APP_ROLES: tuple[str, ...] = ("Exchange.ManageAsApp",)

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
EXCHANGE_PERMISSION = "Exchange.Manage"
EXCHANGE_SCOPE = "https://outlook.office365.com/.default"
#: The audience must be Outlook: a token for Graph's SMTP.Send is refused (microsoft.md 4).
SMTP_SCOPE = "https://outlook.office.com/SMTP.Send"

_EXCHANGE_HOSTS = frozenset(
    {
        "outlook.office365.com",
        "outlook.office365.cn",
        "outlook.office365.us",
        "outlook-dod.office365.us",
    }
)
_NATIONAL = (".us", ".cn")
#: Graph traces messages in the global cloud only (microsoft.md 2.5). Other clouds use the cmdlet.
_GLOBAL_ONLY = frozenset({"ExchangeMessageTrace.Read.All"})


def minimal(names: Collection[str]) -> tuple[str, ...]:
    """Return the permissions without those that another includes, sorted (microsoft.md 5)."""
    included = frozenset().union(*(INCLUDED.get(name, ()) for name in names))
    kept = LOG_NEEDS if SIGN_IN_LOG in names else frozenset()
    return tuple(sorted(frozenset(names) - (included - kept)))


#: Setup, signed in as an administrator: the fewest permissions that the steps need.
GRAPH_SETUP_SCOPES = minimal({*GRAPH_READ_SCOPES, *INCLUDED})


def graph_scopes(graph_url: str, names: tuple[str, ...] = GRAPH_SETUP_SCOPES) -> list[str]:
    """Return the Graph scopes; in a national cloud a short name would mean the public Graph."""
    host = _host(graph_url)
    resource = f"https://{host}/" if host.endswith(_NATIONAL) else ""
    return [resource + name for name in names_in(graph_url, names)]


def with_included(names: Collection[str]) -> frozenset[str]:
    return frozenset(names).union(*(INCLUDED.get(name, ()) for name in names))


def names_in(graph_url: str, names: tuple[str, ...]) -> tuple[str, ...]:
    missing = _GLOBAL_ONLY if _host(graph_url).endswith(_NATIONAL) else frozenset()
    return tuple(name for name in names if name not in missing)


def smtp_scope(exchange_url: str) -> str:
    """Return the channel's only scope, ``SMTP.Send``, in the cloud whose Outlook hosts Exchange."""
    host = _host(exchange_url)
    if host in _EXCHANGE_HOSTS and host.endswith(_NATIONAL):
        return f"https://{host}/SMTP.Send"
    return SMTP_SCOPE


def graph_default(graph_url: str) -> str:
    """Return the scope for all that the app is granted at Graph; unknown hosts are public."""
    host = _host(graph_url)
    return f"https://{host}/.default" if host.endswith(_NATIONAL) else GRAPH_SCOPE


def app_may_read(reads: tuple[str, ...]) -> bool:
    """Return whether the bot's own access can be enough; Exchange roles are the tenant's."""
    return all("." not in name or name in GRAPH_READ_SCOPES for name in reads)


def exchange_scope(exchange_url: str) -> str:
    """Return the scope for Exchange cmdlets; a host that is not Microsoft's counts as public."""
    host = _host(exchange_url)
    return f"https://{host}/.default" if host in _EXCHANGE_HOSTS else EXCHANGE_SCOPE


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


SETS_UP = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "31392ffb-586c-42d1-9346-e59415a2cc4e": "Exchange Recipient Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "194ae4cb-b126-40b2-bd5b-6091b380977d": "Security Administrator",
    "e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
}
"""Directory roles that can set up at least a part, by template ID (platforms/microsoft.md 6.2)."""


def lacks_all(account: Account) -> bool:
    """Return whether the account's listed roles (``wids``) are no use: a hint and no proof."""
    return bool(account.roles) and not {role.lower() for role in account.roles} & SETS_UP.keys()
