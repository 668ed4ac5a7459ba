"""Cmdlets for the organization: configuration, customization, transport, remote domains.

Source: platforms/microsoft.md 2.1, 2.3, 2.4.
"""

from datetime import timedelta

from practice.microsoft.exchange import rules
from practice.microsoft.exchange.call import (
    ADMINISTRATORS,
    READERS,
    Rows,
    Run,
    cmdlet,
    failed,
    identified,
    missing,
)

DEHYDRATED = (
    "The command you tried to run isn't currently allowed in your organization. "
    "To run this command, you first need to run the command: Enable-OrganizationCustomization."
)


def need_customization(run: Run) -> None:
    """Check that the organization is enabled for customization.

    The flag changes before the change takes effect, so the flag alone is not enough.

    Raises:
        CmdletError: when the organization is dehydrated or the change has not taken effect.
    """
    started = run.organization.customized_at
    wait = timedelta(seconds=run.world.settings.customization_s)
    if run.organization.dehydrated or (started is not None and run.world.now() - started < wait):
        raise failed(
            DEHYDRATED,
            "Microsoft.Exchange.Configuration.Tasks.InvalidOperationInDehydratedContextException",
        )


@cmdlet("Get-OrganizationConfig", READERS)
def get_organization_config(run: Run) -> Rows:
    """Return the organization's own settings."""
    return [
        identified(
            {
                "Identity": run.tenant.domains[-1],
                "Name": run.tenant.domains[-1],
                "DisplayName": run.tenant.name,
                "IsDehydrated": run.organization.dehydrated,
                "DefaultAuthenticationPolicy": run.organization.default_authentication_policy,
                "OAuth2ClientProfileEnabled": True,
            }
        )
    ]


@cmdlet("Enable-OrganizationCustomization", ADMINISTRATORS)
def enable_organization_customization(run: Run) -> Rows:
    """Enable customization of the organization, which is irreversible and tenant-wide.

    The flag changes at once; the effect comes later.
    """
    if not run.organization.dehydrated:
        raise failed(
            "This operation is not required. Organization is already enabled for customization."
        )
    run.organization.dehydrated, run.organization.customized_at = False, run.world.now()
    run.note(run.tenant.domains[0], {"IsDehydrated": True}, {"IsDehydrated": False})
    return []


@cmdlet("Get-TransportConfig", READERS)
def get_transport_config(run: Run) -> Rows:
    """Return the organization's SMTP AUTH setting."""
    return [
        identified(
            {
                "Identity": "Transport Settings",
                "Name": "Transport Settings",
                "SmtpClientAuthenticationDisabled": run.organization.smtp_auth_disabled,
                "AllowLegacyTLSClients": None,
                "MaxReceiveSize": "Unlimited",
            }
        )
    ]


@cmdlet("Set-TransportConfig", ADMINISTRATORS, "SmtpClientAuthenticationDisabled")
def set_transport_config(run: Run) -> Rows:
    """Set the organization's SMTP AUTH setting, which is tenant-wide."""
    before = run.organization.smtp_auth_disabled
    run.organization.smtp_auth_disabled = run.flag("SmtpClientAuthenticationDisabled")
    run.note(run.tenant.domains[0], before, run.organization.smtp_auth_disabled)
    return []


@cmdlet("Get-RemoteDomain", READERS, "Identity ResultSize")
def get_remote_domain(run: Run) -> Rows:
    """Return the permissions for each remote domain; ``*`` is the entry for all others."""
    return _named(run, run.organization.remote_domains)


@cmdlet("Get-TransportRule", READERS, "Identity ResultSize State")
def get_transport_rule(run: Run) -> Rows:
    """Return the mail-flow rules."""
    named = _named(run, run.organization.transport_rules)
    rows = [rules.whole(row, run.tenant.domains[-1]) for row in named]
    return [row for row in rows if not run.has("State") or row["State"] == run.value("State")]


@cmdlet("Get-AuthenticationPolicy", READERS, "Identity")
def get_authentication_policy(run: Run) -> Rows:
    """Return the authentication policies."""
    return _named(run, run.organization.authentication_policies)


@cmdlet("Get-DkimSigningConfig", READERS, "Identity")
def get_dkim_signing_config(run: Run) -> Rows:
    """Return for each domain whether Exchange signs with it, as it does unless that was changed."""
    changed = {row["Domain"]: row for row in run.organization.dkim}
    names = ("Domain", "Identity", "Name")
    rows = (dict.fromkeys(names, domain) for domain in run.tenant.domains)
    usual = {"Enabled": True, "IsDefault": False, "Status": "Valid"}
    return _named(run, [row | changed.get(row["Domain"], usual) for row in rows])


@cmdlet("Get-OutboundConnector", READERS, "Identity")
def get_outbound_connector(run: Run) -> Rows:
    """Return the connectors to other mail servers."""
    return _named(run, run.organization.connectors)


def _named(run: Run, rows: Rows) -> Rows:
    if not run.has("Identity"):
        return [identified(row) for row in rows]
    wanted = run.text("Identity").lower()
    found = [
        identified(row)
        for row in rows
        if wanted in {str(row.get("Identity", "")).lower(), str(row.get("Name", "")).lower()}
    ]
    if not found:
        raise missing(run.text("Identity"))
    return found
