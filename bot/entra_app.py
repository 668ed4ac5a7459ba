"""Command ``entra-app``: prints the commands that make the bot's own app in Microsoft Entra.

They need no more of this machine than PUBLIC_URL. The ids of permissions are read in the tenant,
because only it knows them (platforms/microsoft.md 1.4). Application permissions are only declared:
a card of the bot asks for their consent.
"""

import json
import re
import shlex
from collections.abc import Mapping
from datetime import timedelta

from bot import program, table
from bot.settings import settings_problems
from jobs.clock import now
from jobs.microsoft import scopes
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.settings import DEFAULTS, SettingsError

SIGN_IN = ("offline_access", "openid", "profile")
SECRET_LIVES = timedelta(days=365)
NEEDED = frozenset({"PUBLIC_URL", "MICROSOFT_GRAPH_URL", "MICROSOFT_LOGIN_URL"})
Names = tuple[str, ...]


def permissions(graph_url: str, *, automatic_checks: bool) -> dict[str, tuple[Names, Names]]:
    """Return the delegated and the application permissions, by the resource's app id."""
    delegated = {*scopes.GRAPH_SETUP_SCOPES, *scopes.GRAPH_READ_SCOPES, *SIGN_IN}
    roles = {*scopes.GRAPH_APP_ROLES, *scopes.OPTIONAL_APP_ROLES} if automatic_checks else ()
    at_exchange = scopes.EXCHANGE_APP_ROLES if automatic_checks else ()
    at_graph = (scopes.names_in(graph_url, tuple(sorted(each))) for each in (delegated, roles))
    return {
        GRAPH_APP_ID: (next(at_graph), next(at_graph)),
        EXCHANGE_APP_ID: ((scopes.EXCHANGE_PERMISSION,), at_exchange),
    }


def commands(
    env: Mapping[str, str],
    *,
    certificate: str = "",
    automatic_checks: bool = False,
    multitenant: bool = False,
    powershell: bool = False,
) -> str:
    """Return the commands, for bash or for PowerShell.

    ``certificate`` is the path of the certificate without its key, or empty for a client secret.

    Raises:
        SettingsError: PUBLIC_URL, or an address of Microsoft, cannot be used.
    """
    if wrong := [told for told in settings_problems(env) if told.partition(" ")[0] in NEEDED]:
        raise SettingsError(tuple(wrong))
    given, quote = {**DEFAULTS, **env}, _quoted if powershell else shlex.quote
    asked = permissions(given["MICROSOFT_GRAPH_URL"], automatic_checks=automatic_checks)
    shell = table(__file__)["powershell" if powershell else "az"]
    values = {
        "name": quote("Webex email bot"),
        "audience": "AzureADMultipleOrgs" if multitenant else "AzureADMyOrg",
        "callback": quote(f"{given['PUBLIC_URL'].strip().rstrip('/')}/microsoft/callback"),
        "ends": f"{now() + SECRET_LIVES:%Y-%m-%d}",
        "certificate": quote(certificate),
        "at": quote(f"@{certificate}"),
        "manifest": _manifest(asked),
        "grants": "\n".join(
            f'az ad app permission grant --id "$app" --api {app} --scope "{" ".join(names)}" --output none'
            for app, (names, _) in asked.items()
        ),
        "needs": "\n".join(
            f"  @{{ App = '{app}'; Scopes = {_array(names)}; Roles = {_array(roles)} }}"
            for app, (names, roles) in asked.items()
        ),
    }
    values["credential"] = _filled(shell["certificate" if certificate else "secret"], values)
    tenants = f"{given['MICROSOFT_LOGIN_URL'].rstrip('/')}/TENANT/adminconsent?client_id=CLIENT_ID"
    told = f"# In each other tenant with mailboxes: {tenants}\n" * multitenant
    told += '# Then press "Allow automatic checks" on the card of a check.\n' * automatic_checks
    told += f"# Set what was printed, then: {program()} doctor"
    return _filled(shell["commands"], values) + told


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub(r"@(\w+)@", lambda name: values[name[1]], template).removeprefix("\n")


def _manifest(asked: Mapping[str, tuple[Names, Names]]) -> str:
    """Return ``requiredResourceAccess`` as JSON in which bash puts each id."""
    kinds, resources = (("oauth2PermissionScopes", "Scope"), ("appRoles", "Role")), list[str]()
    for app, names in asked.items():
        rows = ",\n ".join(
            json.dumps({"id": f"$(id {app} {listed} {name})", "type": kind})
            for (listed, kind), held in zip(kinds, names, strict=True)
            for name in held
        )
        resources.append(f'{{"resourceAppId": "{app}", "resourceAccess": [\n {rows}\n]}}')
    return f"[{', '.join(resources)}]"


def _array(names: Names) -> str:
    return f"@({', '.join(map(_quoted, names))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
