"""Errors with AADSTS numbers, in the token endpoint, a redirect or a page.

Source: platforms/microsoft.md 5.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final

UNKNOWN_PERMISSION: Final = 65006
TEXTS: Final = {
    50011: (
        "invalid_request",
        (
            "The redirect URI '{0}' specified in the request does not match the redirect "
            "URIs configured for the application '{1}'."
        ),
    ),
    50013: ("invalid_client", "Assertion failed signature validation. [Reason - {0}]"),
    50020: (
        "interaction_required",
        "User account '{0}' does not exist in tenant '{1}' and cannot access the application.",
    ),
    50027: ("invalid_client", "Invalid JWT token. {0}"),
    50034: ("invalid_grant", "The user account {0} does not exist in the {1} directory."),
    50053: (
        "invalid_grant",
        (
            "The account is locked, you've tried to sign in too many times with an "
            "incorrect user ID or password."
        ),
    ),
    50055: ("invalid_grant", "The password is expired."),
    50057: ("invalid_grant", "The user account is disabled."),
    50058: ("login_required", "A silent sign-in request was sent but no user is signed in."),
    50076: (
        "invalid_grant",
        (
            "Due to a configuration change made by your administrator, you must use "
            "multi-factor authentication to access the resource."
        ),
    ),
    50105: (
        "interaction_required",
        "The signed in user '{0}' is not assigned to a role for the application '{1}'.",
    ),
    50173: (
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    ),
    50194: (
        "unauthorized_client",
        (
            "Application '{0}' is not configured as a multi-tenant application. Usage of "
            "the /common endpoint is not supported."
        ),
    ),
    53000: (
        "interaction_required",
        (
            "Device is not in required device state: compliant. Conditional Access "
            "policy requires a compliant device."
        ),
    ),
    53003: ("interaction_required", "Access has been blocked by Conditional Access policies."),
    53011: ("interaction_required", "User blocked due to risk on home tenant."),
    54005: (
        "invalid_grant",
        (
            "OAuth2 Authorization code was already redeemed, please retry with a new "
            "valid code or use an existing refresh token."
        ),
    ),
    65001: (
        "invalid_grant",
        (
            "The user or administrator has not consented to use the application with ID "
            "'{0}'. Send an interactive authorization request."
        ),
    ),
    65004: ("access_denied", "User declined to consent to access the app."),
    UNKNOWN_PERMISSION: (
        "invalid_client",
        (
            "Resource '{0}' had no entitlements matching required permissions configured "
            "on the required resource access for client '{1}'."
        ),
    ),
    70000: (
        "invalid_grant",
        "The provided authorization code or refresh token is malformed or was issued to another client.",
    ),
    70003: ("unsupported_grant_type", "The app requested an unsupported grant type '{0}'."),
    70005: ("unsupported_response_type", "The response type '{0}' isn't enabled for the app."),
    70007: ("invalid_request", "'{0}' is not a supported value of 'response_mode'."),
    70008: (
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity.",
    ),
    70043: (
        "invalid_grant",
        "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    ),
    70011: (
        "invalid_scope",
        "The provided value for the input parameter 'scope' is not valid. The scope {0} is not valid.",
    ),
    90002: (
        "invalid_request",
        (
            "Tenant '{0}' not found. Check to make sure you have the correct tenant ID "
            "and are signing into the correct cloud."
        ),
    ),
    90094: (
        "consent_required",
        (
            "Need admin approval. The grant requires administrator permissions that only "
            "an administrator can grant."
        ),
    ),
    500011: (
        "invalid_resource",
        "The resource principal named {0} was not found in the tenant named {1}.",
    ),
    530035: ("interaction_required", "Access has been blocked by security defaults."),
    650057: (
        "invalid_resource",
        (
            "Invalid resource. The client has requested access to a resource which is "
            "not listed in the requested permissions in the client's application "
            "registration."
        ),
    ),
    501481: (
        "invalid_grant",
        "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
    ),
    700005: (
        "invalid_grant",
        "Provided Authorization Code is intended to use against other tenant, thus rejected.",
    ),
    700016: (
        "unauthorized_client",
        "Application with identifier '{0}' was not found in the directory '{1}'.",
    ),
    700021: (
        "invalid_client",
        "Client assertion application identifier doesn't match 'client_id' parameter.",
    ),
    700023: ("invalid_client", "Client assertion audience claim does not match Realm issuer."),
    700024: ("invalid_client", "Client assertion is not within its valid time range."),
    700025: (
        "invalid_client",
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    ),
    700027: (
        "invalid_client",
        (
            "The certificate with identifier used to sign the client assertion is not registered "
            "on application. [Reason - {0}]"
        ),
    ),
    700082: ("invalid_grant", "The refresh token has expired due to inactivity."),
    700084: (
        "invalid_grant",
        (
            "The refresh token was issued to a single page app (SPA), and therefore has "
            "a fixed, limited lifetime, which can't be extended."
        ),
    ),
    700211: (
        "invalid_client",
        "No matching federated identity record found for presented assertion issuer '{0}'.",
    ),
    700212: (
        "invalid_client",
        "No matching federated identity record found for presented assertion audience '{0}'.",
    ),
    700213: (
        "invalid_client",
        "No matching federated identity record found for presented assertion subject '{0}'.",
    ),
    900144: ("invalid_request", "The request body must contain the following parameter: '{0}'."),
    900561: ("invalid_request", "The endpoint only accepts POST requests. Received a GET request."),
    900971: ("invalid_request", "No reply address provided."),
    9002313: ("invalid_request", "Invalid request. Request is malformed or invalid."),
    7000112: ("unauthorized_client", "Application '{0}' is disabled."),
    7000215: (
        "invalid_client",
        (
            "Invalid client secret provided. Ensure the secret being sent in the request "
            "is the client secret value, not the client secret ID, for a secret added to "
            "app '{0}'."
        ),
    ),
    7000218: (
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    ),
    7000222: ("invalid_client", "The provided client secret keys for app '{0}' are expired."),
}


class Trouble(Exception):  # noqa: N818  Microsoft's "error" has another meaning in this package
    """Error with an AADSTS number and the values in its text.

    ``back`` means that the app receives the error by a redirect. ``error`` is the code of the OAuth
    error, for a number that has two codes.
    """

    def __init__(
        self, code: int, values: tuple[str, ...] = (), *, back: bool = False, error: str = ""
    ) -> None:
        super().__init__(code)
        self.code, self.values, self.back = code, values, back
        self.error = error or TEXTS[code][0]

    @property
    def status(self) -> int:
        """Return the status of the HTTP response: 401 for a client that could not authenticate."""
        return 401 if self.error == "invalid_client" and self.code != UNKNOWN_PERMISSION else 400

    def description(self, trace: str, correlation: str, at: datetime) -> str:
        """Return the error's text with the IDs that Microsoft's support asks for."""
        text = TEXTS[self.code][1].format(*self.values)
        return (
            f"AADSTS{self.code}: {text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {at:%Y-%m-%d %H:%M:%SZ}"
        )

    def body(self, at: datetime, correlation: str = "") -> dict[str, Any]:
        """Return the body of the token endpoint's error response."""
        trace, correlation = str(uuid.uuid4()), correlation or str(uuid.uuid4())
        return {
            "error": self.error,
            "error_description": self.description(trace, correlation, at),
            "error_codes": [self.code],
            "timestamp": f"{at:%Y-%m-%d %H:%M:%SZ}",
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
