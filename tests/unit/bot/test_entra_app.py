"""Tests of the commands that make the bot's Entra app."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.entra_app import SIGN_IN, commands
from jobs.microsoft.graph import EXCHANGE_APP_ID, GRAPH_APP_ID
from jobs.probes import all_probes
from jobs.settings import SettingsError
from jobs.steps import all_steps

ENV = {"PUBLIC_URL": "https://bot.example.com/"}
RESOURCES = {GRAPH_APP_ID: "Microsoft Graph", EXCHANGE_APP_ID: "Office 365 Exchange Online"}
PAGE = (Path(__file__).parents[3] / "docs/permissions.md").read_text(encoding="utf-8")
DELEGATED, APPLICATION = (
    PAGE.partition("## The bot's own Entra app")[2]
    .partition("## Each step")[0]
    .split("### To check without a sign-in")
)
AZ = """#!/bin/sh
printf '%s\\n' "$*" >> "$0.log"
case "$*" in
"ad sp show"*) printf '%s\\n' "$5:$7" ;;
"ad app create"*) echo client-1 ;;
*"credential reset"*) echo secret-1 ;;
esac
"""
"""Azure CLI that writes its command lines down, and answers an id with what was asked for."""


def asked(text: str, resource: str) -> set[str]:
    """Return the permissions of a resource that a part of docs/permissions.md lists."""
    return set(re.findall(rf"^- `([\w.]+)` of {resource}", text, re.MULTILINE))


def made(folder: Path, **wanted):
    """Run the commands for bash, and return the manifest, what was printed, and what az was told."""
    az = folder / "az"
    az.write_text(AZ)
    az.chmod(0o755)
    line, env = ["/bin/bash", "-c", commands(ENV, **wanted)], {"PATH": f"{folder}:/usr/bin:/bin"}
    how = {"cwd": folder, "env": env, "capture_output": True, "check": True, "text": True}
    done = subprocess.run(line, **how)  # noqa: S603, PLW1510  the commands under test
    manifest = json.loads((folder / "bot-permissions.json").read_text())
    return manifest, done.stdout, (folder / "az.log").read_text()


def declared(manifest, app: str, kind: str, listed: str) -> set[str]:
    """Return the permissions of one kind in a manifest, each looked up in the right list."""
    access = next(each for each in manifest if each["resourceAppId"] == app)["resourceAccess"]
    ids = [each["id"] for each in access if each["type"] == kind]
    names = [re.fullmatch(rf"{app}:{listed}\[\?value=='(.+)'\]\.id \| \[0\]", each) for each in ids]
    return {found[1] for found in names if found}


def test_the_app_asks_for_what_the_page_of_permissions_lists(tmp_path):
    """The manifest has the delegated permissions of docs/permissions.md, and nothing else."""
    manifest, printed, told = made(tmp_path)
    graph = declared(manifest, GRAPH_APP_ID, "Scope", "oauth2PermissionScopes")
    exchange = declared(manifest, EXCHANGE_APP_ID, "Scope", "oauth2PermissionScopes")
    assert graph == asked(DELEGATED, "Microsoft Graph") | set(SIGN_IN)
    assert exchange == asked(DELEGATED, "Office 365 Exchange Online") == {"Exchange.Manage"}
    assert '"Role"' not in json.dumps(manifest)
    assert sum(len(each["resourceAccess"]) for each in manifest) == len(graph | exchange)
    assert "MICROSOFT_CLIENT_ID=client-1\nMICROSOFT_CLIENT_SECRET=secret-1\n" in printed
    assert "--web-redirect-uris https://bot.example.com/microsoft/callback" in told
    for app, names in ((GRAPH_APP_ID, graph), (EXCHANGE_APP_ID, exchange)):
        assert f"grant --id client-1 --api {app} --scope {' '.join(sorted(names))} --" in told


def test_a_setup_and_a_check_need_no_other_permission(tmp_path):
    """Every permission of a step or probe is asked for, except that of the service health."""
    text = commands(ENV)
    steps = [*all_steps().values(), *all_probes().values()]
    needed = {name for step in steps for name in (*step.reads, *step.writes) if ".All" in name}
    assert {name for name in needed if f" {name})" not in text} == {"ServiceHealth.Read.All"}
    made(tmp_path)


def test_automatic_checks_declare_the_application_permissions(tmp_path):
    """The roles are those of docs/permissions.md; they are declared, and no command consents."""
    manifest, _, told = made(tmp_path, automatic_checks=True, multitenant=True)
    for app, resource in RESOURCES.items():
        assert declared(manifest, app, "Role", "appRoles") == asked(APPLICATION, resource)
    assert "admin-consent" not in told
    assert "--sign-in-audience AzureADMultipleOrgs" in told


def test_a_certificate_makes_no_secret(tmp_path):
    """With a certificate the app gets no password, whatever characters its path has."""
    _, printed, told = made(tmp_path, certificate="it's; here.pem")
    assert "MICROSOFT_CLIENT_SECRET" not in printed
    assert "--cert @it's; here.pem --append" in told


@pytest.mark.parametrize("certificate", ["", "it's.pem"])
def test_powershell_asks_for_the_same(certificate):
    """The lines for PowerShell name the same permissions, with balanced brackets and quotes."""
    text = commands(ENV, certificate=certificate, powershell=True, automatic_checks=True)
    for app, resource in RESOURCES.items():
        found = re.search(rf"App = '{app}'; Scopes = @\((.*?)\); Roles = @\((.*?)\)", text)
        scopes, roles = (set(re.findall(r"'([^']+)'", part)) for part in found.groups())
        assert scopes - set(SIGN_IN) == asked(DELEGATED, resource)
        assert roles == asked(APPLICATION, resource)
    bare = re.sub(r"^#.*$|'(?:[^']|'')*'", "", text, flags=re.MULTILINE)
    assert [bare.count(each) for each in "({["] == [bare.count(each) for each in ")}]"]
    assert ("AsymmetricX509Cert" in text) == bool(certificate)
    assert ("SecretText" in text) is not bool(certificate)


def test_a_national_cloud_lacks_the_message_trace():
    """Only permissions that exist in the cloud's Graph are looked up there."""
    text = commands(ENV | {"MICROSOFT_GRAPH_URL": "https://graph.microsoft.us"})
    assert "ExchangeMessageTrace" not in text
    assert "Policy.Read.All" in text


def test_the_command_needs_only_the_public_address(capsys):
    """The command prints with PUBLIC_URL alone, and without it says what is missing."""
    assert main(["entra-app"], ENV) == 0
    assert "then: " in capsys.readouterr().out
    assert main(["entra-app"], {}) == 2
    assert capsys.readouterr().err.startswith("PUBLIC_URL is not set")
    with pytest.raises(SettingsError, match="PUBLIC_URL must begin with https"):
        commands({"PUBLIC_URL": "http://bot.example.com"})
