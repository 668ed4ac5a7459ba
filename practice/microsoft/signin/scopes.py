"""Scope strings of sign-in requests: permissions on resources, and the scopes of OpenID."""

from dataclasses import dataclass
from typing import Final

from practice.microsoft import ids
from practice.microsoft.catalogue import OIDC
from practice.microsoft.signin.errors import Trouble
from practice.microsoft.world import World

GRAPH: Final = "https://graph.microsoft.com"
OUTLOOK: Final = "https://outlook.office365.com"
RESOURCES: Final = {
    GRAPH: ids.GRAPH_APP,
    OUTLOOK: ids.EXCHANGE_APP,
    "https://outlook.office.com": ids.EXCHANGE_APP,
    "https://outlook.office365.us": ids.EXCHANGE_APP,
    ids.GRAPH_APP: ids.GRAPH_APP,
    ids.EXCHANGE_APP: ids.EXCHANGE_APP,
}
DEFAULT: Final = ".default"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Wanted permissions on one resource.

    They have the resource's app ID, the audience of its tokens, and the names of the scopes.
    """

    app_id: str
    audience: str
    scopes: frozenset[str]

    @property
    def default(self) -> bool:
        """Return whether the app asks for everything that it declares or was granted."""
        return DEFAULT in self.scopes


@dataclass(frozen=True, slots=True)
class Request:
    """Parsed scope string of a sign-in request."""

    wanted: tuple[Wanted, ...]
    oidc: frozenset[str]


def parse(text: str, world: World) -> Request:
    """Parse a scope string.

    Raises:
        Trouble: AADSTS70011 or 500011 for a scope that no resource exposes.
    """
    words = text.split()
    oidc = frozenset(words) & OIDC
    wanted = _permissions([word for word in words if word not in OIDC], world)
    if any(item.default and (len(item.scopes) > 1 or len(wanted) > 1) for item in wanted):
        raise Trouble(70011, (text,), back=True)
    return Request(wanted, oidc)


def _permissions(words: list[str], world: World) -> tuple[Wanted, ...]:
    """Return the permissions by resource, in the order of the words."""
    names: dict[str, set[str]] = {}
    for word in words:
        audience, scope = _split(word, world)
        names.setdefault(audience, set()).add(_exposed(RESOURCES[audience], scope, world, word))
    return tuple(
        Wanted(RESOURCES[audience], audience, frozenset(scopes))
        for audience, scopes in names.items()
    )


def one(request: Request, text: str) -> Wanted | None:
    """Return the only resource of a token request, or None without a resource.

    Raises:
        Trouble: AADSTS70011 when the request has two resources.
    """
    if len({item.app_id for item in request.wanted}) > 1 or len(request.wanted) > 1:
        raise Trouble(70011, (text,))
    return request.wanted[0] if request.wanted else None


def _split(word: str, world: World) -> tuple[str, str]:
    """Return the audience and the scope of one word of a scope string.

    This cloud's own addresses represent the resources, as those of a national cloud do.

    Raises:
        Trouble: AADSTS500011 for an unknown resource.
    """
    resource, slash, scope = word.rpartition("/")
    if not slash:
        return GRAPH, word
    own = {world.base_url + "/graph": GRAPH, world.base_url: OUTLOOK}
    resource = resource.rstrip("/")
    audience = own.get(resource, resource)
    if audience not in RESOURCES:
        raise Trouble(500011, (resource, ""), back=True)
    return audience, scope


def _exposed(app_id: str, scope: str, world: World, word: str) -> str:
    known = {
        item["value"].lower(): str(item["value"]) for item in world.catalogue.scopes[app_id]
    } | {DEFAULT: DEFAULT}
    if scope.lower() not in known:
        raise Trouble(70011, (word,), back=True)
    return known[scope.lower()]
