"""Reader of error texts: words before numbers, the speaker, and open or unknown causes."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.mail.flow import cause_at
from jobs.model import Station

OPEN_573 = ["wrong_mailbox_user", "scope_wrong", "exchange_incident"]


def claimed(text: str) -> list[str]:
    """Return the causes that are claimed; a conditional one claims nothing."""
    return [each.cause for each in read(text).causes if each.certainty != "conditional"]


def certain(text: str, heard: Place = Place.ANYWHERE) -> list[tuple[str, str]]:
    """Return the certain causes with their codes."""
    return [(each.cause, each.code) for each in read(text, heard).certain]


def possible(text: str) -> list[str]:
    """Return the causes that the text leaves open."""
    return [each.cause for each in read(text).causes if not each.certain]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "AADSTS50011: The redirect URI ... AADSTS50011",
            [("redirect_uri_mismatch", "AADSTS50011")],
        ),
        ("aadsts7000222 expired", [("client_secret_expired", "AADSTS7000222")]),
        ("AADSTS99999999", []),
        (
            (
                "535-5.7.139 no, SmtpClientAuthentication\r\n535 5.7.139 is disabled for the Tenant. "
                "Visit smtp_auth_disabled\r\nAADSTS50173"
            ),
            [("smtp_auth_off_for_tenant", "535 5.7.139"), ("session_revoked", "AADSTS50173")],
        ),
        (
            "S: 535-5.7.139 Authentication unsuccessful, the user\nS: 535 credentials were incorrect",
            [("smtp_password_login", "535 5.7.139")],
        ),
        (
            (
                "250-SIZE 157286400\n250-AUTH LOGIN XOAUTH2\n535-5.7.3 Authentication "
                "unsuccessful\n554 5.2.252 SendAsDenied"
            ),
            [("smtp_token_refused", "535 5.7.3"), ("send_as_denied", "554 5.2.252")],
        ),
        ("5.7.520 Access denied ... AS(7555)", [("forwarding_blocked", "5.7.520")]),
        (
            "The command you tried to run isn't currently allowed in your organization.",
            [("customization_needed", "isn't currently allowed in your organization")],
        ),
        (
            "550 5.7.236 Your message can't be sent because your organization exceeded the limit",
            [("sends_as_onmicrosoft", "550 5.7.236")],
        ),
        (
            "550 5.7.30 Basic authentication is not supported for Client Submission.",
            [("smtp_password_login", "550 5.7.30")],
        ),
        (
            "AADSTS900144: The request body must contain the following parameter: 'scope'. Trace ID: a",
            [("scope_missing", "AADSTS900144")],
        ),
        (
            (
                "AADSTS900144: The request body must contain the following parameter: 'client_id'.\n"
                "AADSTS70011: The provided value for the input parameter 'scope' is not valid."
            ),
            [("form_field_missing", "AADSTS900144"), ("scope_wrong", "AADSTS70011")],
        ),
        ("", []),
        ("Mail is slow today, since 10:30.", []),
    ],
)
def test_codes_are_found_in_pasted_text(text: str, found: list[tuple[str, str]]):
    """Each cause in a pasted text is named once, in the order of the text."""
    assert certain(text) == found


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "AADSTS70002: Error validating credentials. AADSTS50126: Invalid username or password",
            "password_wrong",
        ),
        (
            "AADSTS70002: Error validating credentials. AADSTS70008: The refresh token has expired",
            "refresh_token_expired",
        ),
        ("AADSTS50058: silent. Trace ID: 1 AADSTS53003: blocked", "blocked_by_conditional_access"),
        (
            "AADSTS65005: The application asked for scope 'X' that doesn't exist on the resource.",
            "scope_wrong",
        ),
        (
            "AADSTS90019: Application with identifier 'x' was not found in the directory 'y'.",
            "app_not_found",
        ),
        (
            "AADSTS7999999: Device is not in required device state: compliant.",
            "device_not_accepted",
        ),
        (
            "AADSTS7999998: Access has been blocked by Conditional Access policies.",
            "blocked_by_conditional_access",
        ),
        ("AADSTS7999997: you must use multi-factor authentication to access", "mfa_needed"),
        (
            "AADSTS7999996: The user or administrator has not consented to use the application",
            "consent_missing",
        ),
        ("AADSTS7999995: Tenant 'x' not found.", "tenant_not_found"),
        (
            "AADSTS7999994: The redirect URI specified in the request does not match the redirect URIs",
            "redirect_uri_mismatch",
        ),
        (
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
            "sending_limit_reached",
        ),
        (
            (
                "530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.139 Authentication "
                "unsuccessful, SmtpClientAuthentication is disabled for the Mailbox."
            ),
            "smtp_auth_off_for_mailbox",
        ),
        (
            "Webex Connect 7553: 535 5.7.139 SmtpClientAuthentication is disabled for the Tenant",
            "smtp_auth_off_for_tenant",
        ),
        (
            "a1b2@mail-us.imiconnect.io: 550 5.1.1 Recipient address rejected: User unknown",
            "connect_address_gone",
        ),
    ],
)
def test_words_beat_numbers(text: str, cause: str):
    """Of several numbers the most specific counts, and a sentence counts more than a number.

    Consequences are left out.
    """
    assert [name for name, _ in certain(text)] == [cause]


@pytest.mark.parametrize(
    "text",
    [
        "535-5.7.8 Username and Password not accepted. https://support.google.com - gsmtp",
        (
            "The SMTP server requires a secure connection or the client was not authenticated. The "
            "server response was: 5.5.1 Authentication Required."
        ),
        "421 Home directory not available - aborting (FileZilla)",
        "421 Too many connections (8) from this IP",
        "530 Login incorrect. ftp: Login failed",
        "Event ID 7031, Service Control Manager: the service terminated. Error code 7031",
        "MySQL 5.7.30: ERROR 1045 (28000): Access denied for user 'root'",
        "Zoom error code 5003, then 7020",
        "535 Authentication Credentials Invalid (email-smtp.us-east-1.amazonaws.com)",
        "451 4.7.1 Greylisting in action, please come back later",
        "postfix/smtpd: 450 4.7.1 Client host rejected; 535 5.7.8 Error: authentication failed",
        "invalid_grant: Token has been expired or revoked. https://oauth2.googleapis.com/token",
        "SendGrid: 535 Authentication failed: The provided authorization grant is invalid",
        "AH00558: Apache/2.4.41 error code 7001",
        "WordPress 5.7.3 Authentication plugin, PHP 5.2.2 quota",
        "535: 5.7.3 Authentication unsuccessful (smtp.azurecomm.net)",
        "mailserver.internal: 535 5.7.3 Authentication unsuccessful",
        "mail.contoso.com said: 421 4.4.1 Connection timed out. Total session duration: 00:05:00",
        "SMTPCLOSE response=421 4.4.1 Connection timed out",
    ],
)
def test_strangers_get_no_cause(text: str):
    """Texts of Gmail, FTP, Windows, databases and other servers have no cause.

    They are not services of this channel.
    """
    reading = read(text)
    assert (reading.ours, claimed(text)) == (False, [])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("smtp.office365.com said: 421 4.3.2 Service not available", "smtp_busy"),
        (
            "server smtp.office365.com said: 535 5.7.8 Error: authentication failed",
            "smtp_token_refused",
        ),
        ("Webex Connect, Error & Warnings: code 7020", "webex_busy"),
        ("connect ETIMEDOUT smtp.office365.com:587", "smtp_unreachable"),
    ],
)
def test_common_codes_count_where_a_service_of_ours_speaks(text: str, cause: str):
    """A common code has a cause if it is next to the name of Exchange or Webex Connect."""
    assert [name for name, _ in certain(text)][:1] == [cause]


def test_a_permanent_refusal_never_passes():
    """A 5xx reply is not a temporary fault, even if it says "try again later"."""
    text = "smtp.office365.com: 554 5.7.1 Service unavailable, try again later"
    assert "transient" not in {each.kind for each in read(text, Place.EXCHANGE).causes}


def test_a_refused_token_leaves_open_whose_and_which_it_is():
    """A bare 535 5.7.3 names the frequent causes in their order (platforms/microsoft.md 4.1)."""
    text = "AUTH XOAUTH2 dXNlcj0=\n535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]"
    assert certain(text) == [("smtp_token_refused", "535 5.7.3")]
    assert possible(text) == OPEN_573
    bare = "535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]"
    assert possible(bare) == [*OPEN_573, "smtp_password_login", "smtp_auth_off_for_mailbox"]


def test_a_login_with_a_password_is_no_refused_token():
    """The words of a login show if it used a password.

    A list of the logins that the server offers does not show it.
    """
    refused = "535 5.7.3 Authentication unsuccessful [X.PROD.OUTLOOK.COM]"
    assert certain(f"SMTP ERROR: Password command failed: {refused}")[0][0] == "smtp_password_login"
    assert certain(f"250-AUTH LOGIN XOAUTH2\n{refused}")[0][0] == "smtp_token_refused"


def test_a_number_with_several_senses_is_open():
    """The code 5.7.139 without words has five meanings, so its cause stays open."""
    assert (certain("535 5.7.139"), "smtp_auth_off_for_tenant" in possible("535 5.7.139")) == (
        [],
        True,
    )


def test_what_nobody_knows_is_given_back_whole():
    """An unknown code is returned with the person's own line and Microsoft's page about it."""
    (unknown,) = read("> My sign-in page says:\n> AADSTS7999999: a new thing\n> and stops.").unknown
    assert (unknown.code, unknown.line, unknown.page) == (
        "AADSTS7999999",
        "AADSTS7999999: a new thing",
        "https://login.microsoftonline.com/error?code=7999999",
    )
    (reply,) = read("Remote Server returned '550 5.7.606 Access denied, banned sending IP'").unknown
    assert (reply.code, reply.page.startswith("https://learn.microsoft.com/")) == (
        "550 5.7.606",
        True,
    )


def test_a_bare_code_counts_in_webex_connects_form():
    """A bare number is a code if the person saw it in Webex Connect, and nowhere else."""
    assert [each.cause for each in read("7020.", Place.FORM).certain] == ["webex_busy"]
    assert read("7020.").causes == ()
    assert read("Windows service error, Event ID 7001", Place.FORM).causes == ()


DEFERRED = "Defer | Reason: [{LED=421 4.4.2 Connection dropped}]"
FULL = "Defer | Reason: [{LED=432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded}]"
BLOCKED = (
    "Fail | Reason: [{LED=550 5.7.520 Access denied, "
    "Your organization does not allow external forwarding. AS(7555)}]"
)
GIVEN_UP = (
    "Fail | Reason: [{LED=550 5.4.300 Message expired -> "
    "421 4.4.2 Connection dropped due to ConnectionReset}]"
)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((DEFERRED, BLOCKED), "forwarding_blocked"),
        ((FULL, BLOCKED), "forwarding_blocked"),
        ((DEFERRED, GIVEN_UP), ""),
        ((BLOCKED, "Fail | 550 5.1.8 Access denied"), "forwarding_blocked"),
        (("Fail | 550 5.1.10 Recipient not found",), ""),
        ((), ""),
    ],
)
def test_why_a_mail_was_given_up(lines: tuple[str, ...], cause: str):
    """The cause of a mail that was given up is its failure, not an earlier delay."""
    assert cause_at(Station.ANSWER, lines) == cause


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            "smtp_too_many_connections",
        ),
        ("432 4.3.2 concurrent connection limit exceeded", "smtp_too_many_connections"),
        ("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "smtp_busy"),
        ("451 4.3.2 System not accepting network messages", "smtp_busy"),
    ],
)
def test_whose_connections_are_too_many(text: str, cause: str):
    """Too many connections is a cause only if the sending mailbox's connections are meant.

    The code alone may be any fault of a system.
    """
    assert [name for name, _ in certain(text, Place.EXCHANGE)] == [cause]
