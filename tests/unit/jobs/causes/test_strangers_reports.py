"""Rules learned from reports of strangers, each with the shortest text that needs it."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read


def certain(text: str) -> list[str]:
    """Return the causes that the text names with certainty."""
    return [each.cause for each in read(text).certain]


def possible(text: str) -> list[str]:
    """Return the causes that the text leaves open."""
    return [each.cause for each in read(text).causes if not each.certain]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("AADSTS500201: We are unable to issue tokens", "account_of_other_tenant"),
        ("AADSTS90112: Application identifier is expected to be a GUID", "app_not_found"),
        ("AADSTS90130: not supported over the endpoint", "common_endpoint_used"),
        ("AADSTS50054: Old password is used for authentication", "password_wrong"),
        ('{"error": "invalid_grant", "error_codes": [70008]}', "refresh_token_expired"),
        (
            "AADSTS70002: The request body must contain the following parameter: 'client_secret'",
            "client_secret_missing",
        ),
        ("The provided value for the input parameter 'scope' is not valid.", "scope_wrong"),
        (
            "MS365: only global administrators are allowed to consent to apps",
            "admin_consent_required",
        ),
        (
            "535 5.7.139 Authentication unsuccessful, account locked. [X.prod.outlook.com]",
            "account_locked",
        ),
        (
            "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; failed",
            "sender_restricted",
        ),
        ("Office 365: SMTPclient is disabled for the tenant", "smtp_auth_off_for_tenant"),
        ("450 4.7.3 Organization queue quota exceeded. [outlook.com]", "smtp_busy"),
        ("550 5.7.68 TenantInboundAttribution; Direct Send not allowed", "smtp_refused"),
        ("451 5.7.3 STARTTLS is required to send mail [X.PROD.OUTLOOK.COM]", "smtp_no_starttls"),
        (
            (
                "'554 5.7.0 < #5.7.520 smtp;550 5.7.520 Message blocked because it contains content "
                "identified as spam. AS(4810)>'"
            ),
            "smtp_refused",
        ),
        ("450 4.4.316 Connection refused [Message=Socket error code 10061]", "mail_not_delivered"),
        ("421 4.4.2 Connection dropped due to SocketError [X.prod.outlook.com]", "smtp_busy"),
        ("O365: ErrorExceededConnectionCount: You have exceeded the connections", "throttled"),
        ("Messages: Access is denied. Check credentials and try again.", "not_allowed"),
        ("403 Client Error: Forbidden for url: https://graph.microsoft.com/v1.0/me", "not_allowed"),
        (
            "graph.microsoft.com: Ensure user has a valid Office365 license assigned to them.",
            "licence_missing",
        ),
        ("graph.microsoft.com/v1.0/users: 504 Gateway Timeout", "service_unavailable"),
        ("UnAuthorized\nConnect-ExchangeOnline -AppId $ClientId", "exchange_role_missing"),
        ("O365/connection.py: TokenExpiredError: (token_expired)", "access_token_refused"),
    ],
)
def test_words_name_their_cause(text: str, cause: str):
    """Numbers and sentences of Entra, replies of SMTP, and words of Graph and Exchange are read.

    The words of a reply decide, and a repeated code counts once. A 4xx reply that is tried again is
    a temporary fault.
    """
    assert certain(text) == [cause]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("This app may be risky. Ask your admin to grant you access", "admin_consent_required"),
        ("You can't get there from here. Device state: Unregistered", "device_not_accepted"),
        (
            "Your organization needs more information to keep your account secure",
            "mfa_registration_needed",
        ),
        (
            "Your account is temporarily locked to prevent unauthorized use. Try again later.",
            "account_locked",
        ),
        ("We've detected something unusual about this sign-in.", "account_at_risk"),
        ("Your account or password is incorrect.", "password_wrong"),
    ],
)
def test_pages_of_the_sign_in_show_no_number(text: str, cause: str):
    """A sentence of a sign-in page names the cause, because the page has no code to copy."""
    assert [each.cause for each in read(text).causes] == [cause]


def test_a_refusal_that_exchange_does_not_explain_stays_open():
    """The code 5.7.139 with unknown words is not read as a refused token, but stays open."""
    text = "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable."
    assert (certain(text), possible(text)[0]) == ([], "smtp_login_blocked")


def test_a_number_that_is_only_listed_is_no_cause_beside_one_with_its_sentence():
    """A number that is only listed is no cause if another number has its own sentence.

    For example, a setting lists the numbers to ignore.
    """
    text = (
        "AADSTS53003: Access has been blocked by Conditional Access policies. "
        "IGNORE_CODES: AADSTS53003 AADSTS50076 AADSTS50079"
    )
    assert certain(text) == ["blocked_by_conditional_access"]
    assert certain("AADSTS50076 AADSTS50079") == ["mfa_needed"]


def test_a_mailbox_login_counts_where_a_person_names_microsoft():
    """IMAP's words for a failed login have a cause unless the text names another service.

    Many other services use the words, so they are a condition.
    """
    causes = read("The plug-in for Azure gives AUTHENTICATE failed.").causes
    assert {(each.cause, each.certainty) for each in causes} > {("scope_wrong", "conditional")}
    assert read("gmail in Outlook: AUTHENTICATE failed.").causes == ()


@pytest.mark.parametrize(
    "host", ["smtp.office365.com", "outlook.office365.com", "x.mail.protection.outlook.com"]
)
def test_microsofts_mail_hosts_are_no_strangers(host: str):
    """Microsoft's mail hosts do not make a text a stranger's, as other mail servers' names do."""
    assert certain(f"{host} said: 535 5.7.3 Authentication unsuccessful") == ["smtp_token_refused"]


@pytest.mark.parametrize(
    "text",
    [
        "javax.mail.AuthenticationFailedException: 535 5.7.3 Authentication unsuccessful",
        "mail.smtp.auth=true: 535 5.7.3 Authentication unsuccessful",
        "SMTP.php line 421: 535 5.7.3 Authentication unsuccessful",
        "user@mail.contoso.com: 535 5.7.3 Authentication unsuccessful",
    ],
)
def test_settings_packages_and_addresses_are_no_mail_hosts(text: str):
    """Java's packages, settings and people's addresses look like mail hosts and are none."""
    assert certain(text) == ["smtp_token_refused"]
