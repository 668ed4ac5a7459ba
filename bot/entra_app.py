"""Command ``entra-app``: prints the commands that make the bot's own app in Microsoft Entra.

They need no more of this machine than PUBLIC_URL. The ids of permissions are read in the tenant,
because only it knows them (platforms/microsoft.md 1.4). Application permissions are only declared:
a card of the bot asks for their consent.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot import program
from bot.settings import settings_problems
from jobs.clock import now
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.microsoft.scopes import (
    EXCHANGE_APP_ROLES,
    EXCHANGE_PERMISSION,
    GRAPH_APP_ROLES,
    GRAPH_READ_SCOPES,
    GRAPH_SETUP_SCOPES,
    OPTIONAL_APP_ROLES,
    names_in,
)
from jobs.settings import DEFAULTS

NAME = "Webex email bot"
SIGN_IN = ("offline_access", "openid", "profile")
SECRET_LIVES = timedelta(days=365)
NEEDED = frozenset({"PUBLIC_URL", "MICROSOFT_GRAPH_URL", "MICROSOFT_LOGIN_URL"})
AZ = """\
# Needs the Azure CLI: az login --allow-no-subscriptions, as a Cloud Application Administrator.
set -eu
id() {{ az ad sp show --id "$1" --query "$2[?value=='$3'].id | [0]" --output tsv; }}
cat > bot-permissions.json <<JSON
{manifest}
JSON
app=$(az ad app create --display-name {name} --sign-in-audience {audience} \\
  --web-redirect-uris {callback} --required-resource-accesses @bot-permissions.json \\
  --query appId --output tsv)
az ad sp create --id "$app" --output none
{grants}
echo "MICROSOFT_CLIENT_ID=$app"
{credential}
"""
AZ_CREDENTIALS = (
    """\
echo "MICROSOFT_CLIENT_SECRET=$(az ad app credential reset --id "$app" \\
  --display-name {name} --end-date {ends} --query password --output tsv)"
echo MICROSOFT_CLIENT_SECRET_EXPIRES={ends}""",
    'az ad app credential reset --id "$app" --cert {at} --append --output none',
)
"""How the app gets a client secret, and how a certificate."""
POWERSHELL = """\
# Needs Microsoft Graph PowerShell, and a Cloud Application Administrator who signs in.
$ErrorActionPreference = 'Stop'
Connect-MgGraph -NoWelcome -Scopes 'Application.ReadWrite.All', 'DelegatedPermissionGrant.ReadWrite.All'
$needs = @(
{needs}
)
$access = foreach ($need in $needs) {{
  $need.Service = Get-MgServicePrincipal -Filter "appId eq '$($need.App)'"
  $found = @($need.Service.Oauth2PermissionScopes | Where-Object Value -In $need.Scopes |
      ForEach-Object {{ @{{ Id = $_.Id; Type = 'Scope' }} }})
  $found += @($need.Service.AppRoles | Where-Object Value -In $need.Roles |
      ForEach-Object {{ @{{ Id = $_.Id; Type = 'Role' }} }})
  @{{ ResourceAppId = $need.App; ResourceAccess = $found }}
}}
$app = New-MgApplication -DisplayName {name} -SignInAudience {audience} `
  -Web @{{ RedirectUris = @({callback}) }} -RequiredResourceAccess $access
$own = New-MgServicePrincipal -AppId $app.AppId
foreach ($need in $needs) {{
  New-MgOauth2PermissionGrant -ClientId $own.Id -ResourceId $need.Service.Id `
    -ConsentType AllPrincipals -Scope ($need.Scopes -join ' ') | Out-Null
}}
"MICROSOFT_CLIENT_ID=$($app.AppId)"
{credential}
"""
POWERSHELL_CREDENTIALS = (
    """\
$secret = Add-MgApplicationPassword -ApplicationId $app.Id `
  -PasswordCredential @{{ DisplayName = {name}; EndDateTime = [datetime]'{ends}' }}
"MICROSOFT_CLIENT_SECRET=$($secret.SecretText)"
'MICROSOFT_CLIENT_SECRET_EXPIRES={ends}'""",
    """\
$certificate = [Security.Cryptography.X509Certificates.X509Certificate2]::new(
  (Resolve-Path {certificate}).Path)
Update-MgApplication -ApplicationId $app.Id `
  -KeyCredentials @(@{{ Type = 'AsymmetricX509Cert'; Usage = 'Verify'; Key = $certificate.RawData }})""",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Choices of the person who makes the app.

    ``certificate`` is the path of the certificate without its key, or empty for a secret.
    """

    certificate: str = ""
    automatic_checks: bool = False
    multitenant: bool = False
    powershell: bool = False


class NeedsError(ValueError):
    """Error because a setting is missing or wrong; the text names each."""


Names = tuple[str, ...]


def permissions(wanted: Wanted, env: Mapping[str, str]) -> dict[str, tuple[Names, Names]]:
    """Return the delegated and the application permissions, by the resource's app id."""
    graph = {**DEFAULTS, **env}["MICROSOFT_GRAPH_URL"]
    delegated = names_in(graph, tuple(sorted({*GRAPH_SETUP_SCOPES, *GRAPH_READ_SCOPES, *SIGN_IN})))
    roles = names_in(graph, tuple(sorted({*GRAPH_APP_ROLES, *OPTIONAL_APP_ROLES})))
    if not wanted.automatic_checks:
        return {GRAPH_APP_ID: (delegated, ()), EXCHANGE_APP_ID: ((EXCHANGE_PERMISSION,), ())}
    return {
        GRAPH_APP_ID: (delegated, roles),
        EXCHANGE_APP_ID: ((EXCHANGE_PERMISSION,), EXCHANGE_APP_ROLES),
    }


def commands(wanted: Wanted, env: Mapping[str, str]) -> str:
    """Return the commands, for bash or for PowerShell.

    Raises:
        NeedsError: PUBLIC_URL, or an address of Microsoft, cannot be used.
    """
    wrong = [told for told in settings_problems(env) if told.partition(" ")[0] in NEEDED]
    if wrong:
        raise NeedsError("\n".join(wrong))
    template, credentials, quote = (
        (POWERSHELL, POWERSHELL_CREDENTIALS, _quoted)
        if wanted.powershell
        else (AZ, AZ_CREDENTIALS, shlex.quote)
    )
    asked = permissions(wanted, env)
    values = {
        "name": quote(NAME),
        "audience": "AzureADMultipleOrgs" if wanted.multitenant else "AzureADMyOrg",
        "callback": quote(f"{env['PUBLIC_URL'].strip().rstrip('/')}/microsoft/callback"),
        "ends": f"{now() + SECRET_LIVES:%Y-%m-%d}",
        "certificate": quote(wanted.certificate),
        "at": quote(f"@{wanted.certificate}"),
        "manifest": _manifest(asked),
        "grants": "\n".join(
            f'az ad app permission grant --id "$app" --api {app} --scope "{" ".join(scopes)}" --output none'
            for app, (scopes, _) in asked.items()
        ),
        "needs": "\n".join(
            f"  @{{ App = '{app}'; Scopes = {_array(scopes)}; Roles = {_array(roles)} }}"
            for app, (scopes, roles) in asked.items()
        ),
    }
    values["credential"] = credentials[bool(wanted.certificate)].format(**values)
    return template.format(**values) + "\n".join(f"# {told}" for told in _next(wanted, env)) + "\n"


def _manifest(asked: Mapping[str, tuple[Names, Names]]) -> str:
    """Return ``requiredResourceAccess`` as JSON in which bash puts each id."""
    kinds = (("oauth2PermissionScopes", "Scope"), ("appRoles", "Role"))
    resources = (
        f'{{"resourceAppId": "{app}", "resourceAccess": [\n '
        + ",\n ".join(
            f'{{"id": "$(id {app} {listed} {name})", "type": "{kind}"}}'
            for (listed, kind), held in zip(kinds, names, strict=True)
            for name in held
        )
        + "\n]}"
        for app, names in asked.items()
    )
    return f"[{', '.join(resources)}]"


def _next(wanted: Wanted, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the remarks for the person who has run the commands."""
    login = {**DEFAULTS, **env}["MICROSOFT_LOGIN_URL"].rstrip("/")
    elsewhere = (
        f"In each other tenant with mailboxes: {login}/TENANT/adminconsent?client_id=CLIENT_ID"
    )
    checks = 'An administrator then presses "Allow automatic checks" on the card of a check.'
    doctor = f"Set what was printed, then: {program()} doctor"
    told = ((elsewhere, wanted.multitenant), (checks, wanted.automatic_checks), (doctor, True))
    return tuple(text for text, wanted_here in told if wanted_here)


def _array(names: Names) -> str:
    return f"@({', '.join(map(_quoted, names))})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
