"""Sentences of Entra's errors and sign-in pages and their meaning.

Those of other languages than English and German are in
:mod:`jobs.clouds.error_texts.entra_languages`.

A sentence says more than its number: numbers are reused, and pages show none (facts/microsoft.md 5,
facts/update-2026-11.md 7).
"""

from __future__ import annotations

import re
from collections import defaultdict

from jobs.clouds.causes import ErrorKind, Meaning, Phrase
from jobs.clouds.error_texts import entra_languages
from jobs.clouds.late_pattern import LatePattern


def _says(cause: str, pattern: str, kind: ErrorKind = ErrorKind.REJECTED) -> Phrase:
    return Phrase(LatePattern(pattern, re.IGNORECASE), Meaning(cause, kind))


_S, _F, _T = ErrorKind.SIGN_IN_NEEDED, ErrorKind.FORBIDDEN, ErrorKind.TRANSIENT

#: Sentences, most specific first.
SENTENCES: tuple[Phrase, ...] = (
    _says("permission_id_unknown", r"no entitlements matching required permissions"),
    _says("already_there", r"service principal name is already present", ErrorKind.ALREADY_EXISTS),
    _says(
        "redirect_uri_is_spa",
        r"issued to a single.page app|issued for the '?single-page application|Proof Key for Code Exchange is required for cross-origin",
        _S,
    ),
    _says(
        "reply_address_missing",
        r"no reply (?:address|url)(?:es)? (?:is |was |has been |are )?(?:registered|provided|configured)|does not have a reply (?:address|url)",
    ),
    _says(
        "redirect_uri_mismatch",
        r"(?:redirect ?ur[il]|reply ?(?:url|address)|redirect_uri)\b.{0,160}(?:does ?n[o']t match|do not match|not (?:valid|registered|configured)|mismatch)|"
        r"(?:Umleitungs|Antwort)-?(?:URI|URL|adresse)\b.{0,160}(?:stimmt|stimmen)\b.{0,80}(?:nicht|überein)|redirect_uri_mismatch",
    ),
    _says(
        "client_secret_expired",
        r"client secret(?: keys?)?\b.{0,120}\bexpired|secret keys? .{0,80}\bexpired|geheim\w+ Client\w*schlüssel.{0,120}abgelaufen",
    ),
    _says(
        "client_secret_missing",
        r"parameter:? '?(?:client_assertion'? or '?client_secret|client_secret'? or '?client_assertion)|'client_assertion', 'client_secret'|parameter:? *'client_secret'|client secret (?:was )?not (?:provided|sent|supplied)|one client credential type required|Client_Credentials_Required",
    ),
    _says(
        "client_secret_wrong",
        r"invalid client secret|client secret value, not the client secret id|Ungültige[rs]? (?:geheime[rs]? )?Client",
    ),
    _says("scope_missing", r"must contain the following parameter:? *['\"]?scope\b"),
    _says(
        "public_client_with_secret",
        r"client is public so neither|public clients? (?:can't|cannot|may not|must not) (?:send|use)",
    ),
    _says(
        "form_field_missing",
        r"must contain the following parameter|muss den folgenden Parameter|required parameter .{0,40}(?:is )?missing",
    ),
    _says(
        "permission_not_declared",
        r"not listed in the requested permissions|not in the list of requested permissions",
    ),
    _says(
        "app_misconfigured",
        r"misconfigured application|application (?:is|because it has been|has been) misconfigured",
    ),
    _says(
        "scope_wrong",
        r"(?:input parameter )?'?scope'? (?:is not valid|.{0,80}is not valid)|asked for scope .{0,80}doesn't exist|scope format is invalid|Bereich\b.{0,60}ungültig",
    ),
    _says(
        "app_disabled",
        r"application .{0,90}is disabled|app(?:lication)? has been disabled|Anwendung .{0,90}deaktiviert",
    ),
    _says(
        "app_not_found",
        r"application (?:with identifier )?.{0,90}(?:was not|wasn't|not) found in the (?:directory|tenant)|"
        r"Anwendung mit (?:dem Bezeichner|der Kennung|der ID).{0,120}nicht gefunden|missing service principal in the tenant|"
        r"identifier of the application .{0,60}not found|client does not exist or is not enabled for consumers|"
        r"is not a valid application identifier",
    ),
    _says(
        "account_of_other_tenant",
        r"from identity provider .{0,160}(?:does not exist in tenant|cannot access)|personal Microsoft accounts? (?:are|is) not supported|is a personal Microsoft account|unable to issue tokens from this API version|can't sign in here with a (?:personal|work or school) account|user account does not exist in tenant|needs to be added as an external user|aus (?:dem )?Identitätsanbieter",
    ),
    _says(
        "user_not_assigned",
        r"is not assigned to a role for the application|"
        r"block users unless they are specifically granted|nicht (?:über eine )?(?:Rolle|zugewiesen).{0,40}Anwendung|user is not assigned",
    ),
    _says(
        "user_unknown",
        r"user account .{0,90}does not exist in|account must be added to .{0,60}directory|Benutzerkonto .{0,90}(?:existiert nicht|nicht vorhanden)|username may be incorrect|couldn't find an account with that username|unknown_user_type|unknown user type",
    ),
    _says(
        "common_endpoint_used",
        r"not configured as a multi.?tenant application|Usage of the /common|not supported over the /(?:common|consumers)|do not use the /consumers|nicht als mehrinstanzenfähige Anwendung",
    ),
    _says(
        "tenant_not_found",
        r"tenant .{0,90}(?:was )?not found|unable to get authority configuration for|no service namespace named|microsoftonline\.com//|"
        r"endpoints_resolution_error|openid_config_error|no tenant.identifying information|neither a valid DNS name,? nor|invalid tenant|Mandanten? .{0,90}nicht gefunden|keine Informationen zur Identifizierung",
    ),
    _says(
        "exchange_service_missing",
        r"resource principal named .{0,120}not found|Ressourcenprinzipal .{0,120}nicht gefunden",
    ),
    _says(
        "service_not_subscribed",
        r"not subscribed to|has not subscribed|service principal .{0,60}organi[sz]ation has not subscribed|no subscription",
    ),
    _says(
        "admin_consent_required",
        r"only an admin(?:istrator)? can grant|need admin approval|admin(?:istrator)?(?:'s)? consent (?:is )?required|Administratorgenehmigung erforderlich|Genehmigung (?:durch|von) (?:einen |einem )?Administrator|nur (?:ein|von einem) Administrator.{0,20}(?:erteil|gewähr)\w*|requires? admin(?:istrator)? consent|Genehmigung erforderlich|approval required|requires your admin's approval|needs (?:a )?permissions? to access resources in your organi[sz]ation|justification for requesting this app|administrator approval required|can only be performed by an administrator|\"?Administratorgenehmigung|Zustimmung des Administrators|Administrator die erforderlichen Berechtigungen|"
        r"app may be risky|App (?:ist )?möglicherweise riskant|"
        r"only (?:\w+ )?admin(?:istrator)?s? (?:are |is )?(?:allowed to|can|may) (?:grant )?consent",
        _F,
    ),
    _says("device_code_failed", r"device code has expired|device_code' is not valid"),
    _says(
        "sign_in_interrupted",
        r"flow token .{0,40}expir|keep them signed.in|monitor_window_timeout|interaction_in_progress",
        _S,
    ),
    _says(
        "consent_cancelled",
        r"error_subcode\W{1,3}cancel|user_?cancell?ed|user cancell?ed (?:authentication|the (?:authori[sz]ation|sign.?in))|MSALErrorDomain Code=-50005|MsalUserCancel\w*",
    ),
    _says(
        "sign_in_missing",
        r"no account or login hint was passed|no_account_(?:error|found)|no_tokens_found|"
        r"ClientAuthError: no account|(?<!or )user interaction is required|MSALErrorDomain Code=-50002|"
        r"failed[ _]to[ _]acquire[ _]token[ _]silently|user_login_error|token_refresh_required",
        _S,
    ),
    _says("id_token_nonce", r"\bnonce_mismatch\b"),
    _says(
        "state_mismatch",
        r"state_mismatch|state mismatch error|invalid OAuth state|OAuth state (?:parameter )?(?:is )?(?:invalid|mismatch)",
        _S,
    ),
    _says("access_token_refused", r"continuous access evaluation resulted in challenge", _S),
    _says(
        "consent_declined",
        r"user (?:has )?declined to consent|denied access to the scope requested|declined to consent|Zustimmung .{0,60}(?:abgelehnt|verweigert)|denied the permission",
    ),
    _says(
        "consent_missing",
        r"not consented to|no applicable permissions|hasn't consented|haven't consented|consent (?:is )?(?:required|missing)\b|send an interactive authorization request for this user and resource|nicht zugestimmt|keine Zustimmung",
    ),
    _says("sign_in_frequency", r"sign.in frequency", _S),
    _says("blocked_by_security_defaults", r"security defaults"),
    _says(
        "mfa_registration_needed",
        r"proof.?up|organi[sz]ation requires you to set up|security info(?:rmation)? registration|more information required|"
        r"needs more information to keep your account secure|Weitere Informationen erforderlich",
        _S,
    ),
    _says(
        "device_not_accepted",
        r"required device state|device (?:is )?(?:not |must be |be )(?:in )?(?:required|managed|compliant|domain.joined|registered)|device.{0,40}(?:compliant|not compliant|managed by)|"
        r"can't get (?:there from here|to this yet)|management compliance policy|"
        r"set up your device to get access|help us keep your device secure|Zugriff von hier aus nicht|"
        r"requires? (?:a |your )?(?:compliant|managed) device|approved client app|device authentication (?:is required|failed)|"
        r"Gerät .{0,60}(?:verwaltet|konform|kompatibel)|access this from (?:a )?device",
    ),
    _says(
        "blocked_by_conditional_access",
        r"conditional access|access policy does not allow|bedingte\w* Zugriff|does not meet the criteria to access this resource|"
        r"nicht die Kriterien|cannot access this right now|tenant restrictions? policy",
    ),
    _says(
        "mfa_needed",
        r"multi.?factor|sent an identity verification request|strong authentication|two.?factor|second factor|Mehrstufige|mehrstufiger|Multi-Faktor|mehreren Faktoren|zweiten? Faktor|\bMFA (?:is )?(?:required|needed)",
        _S,
    ),
    _says(
        "refresh_token_expired",
        r"(?:refresh token|authorization code or refresh token)\b.{0,60}expired|expired due to inactivity|inactive for .{0,30}\d|Aktualisierungstoken .{0,80}abgelaufen",
        _S,
    ),
    _says(
        "session_revoked",
        r"expired due to it being revoked|(?:token|grant|session|sign.in)\w* (?:has been |have been |was |is )?revoked|TokensValidFrom|fresh auth token is needed|password (?:has |was )?(?:been )?(?:changed|reset)|recent password change|widerrufen",
        _S,
    ),
    _says("code_already_used", r"already (?:been )?redeemed|bereits eingelöst", _S),
    _says(
        "code_of_other_tenant",
        r"redeem\w* .{0,60}(?:against|in) (?:the )?(?:wrong|another|a different) tenant|intended to use against other tenant",
    ),
    _says(
        "account_locked",
        r"account is (?:temporarily )?locked|account has been locked|tried to sign in too many times|IP address with malicious activity|Konto (?:ist|wurde) gesperrt",
    ),
    _says(
        "account_at_risk",
        r"detected something unusual about this sign.in|risk(?:y)? (?:was |has been )?detected|blocked due to (?:.{0,20})risk|high.?risk|account risk",
    ),
    _says(
        "account_disabled",
        r"account (?:is|has been) (?:disabled|blocked|deleted)|Benutzerkonto ist deaktiviert",
    ),
    _says(
        "password_expired",
        r"password (?:is|has) expired|Kennwort ist abgelaufen|password .{0,20}must be (?:changed|reset)|need to update your password",
        _S,
    ),
    _says(
        "password_wrong",
        r"invalid user ?name or password|account or password is incorrect|incorrect (?:user ID or )?password|validating credentials due to invalid username|Benutzernam\w+ oder Kennwort (?:ist )?(?:ungültig|falsch)",
        _S,
    ),
    _says("urls_swapped", r"endpoint only accepts|nur POST-Anforderungen|only accepts POST"),
    _says(
        "code_flow_broken",
        r"code.verifier .{0,80}does not match|request tokens do not match the user context",
    ),
    _says("partner_consent_missing", r"not been authorized in the .{0,60}customer tenant"),
    _says(
        "entra_busy",
        r"temporarily unavailable|transient error|server (?:is )?too busy|too many requests to the",
        _T,
    ),
    *(_says(cause, pattern) for cause, pattern in entra_languages.WORDS),
)
NARROWER: defaultdict[str, frozenset[str]] = defaultdict(
    frozenset, {"form_field_missing": frozenset({"client_secret_missing", "scope_missing"})}
)
"""General causes, each with the narrower ones whose sentence contains the general sentence."""
LOOSE = frozenset(
    {
        "account_at_risk",
        "blocked_by_security_defaults",
        "consent_missing",
        "entra_busy",
        "mfa_needed",
        "password_expired",
        "password_wrong",
        "session_revoked",
        "service_not_subscribed",
        "tenant_not_found",
    }
)
"""Causes whose words people use in other senses as well.

Without a number such a cause is only a possible one.
"""
OTHER_RESOURCE = LatePattern(
    r"(?:resource principal named|Ressourcenprinzipal\w*)\W{1,3}"
    r"(?:api://|https?://(?!\S*(?:outlook|office|exchange|graph\.microsoft))[\w-]+\.\S)",
    re.IGNORECASE,
)
"""Missing resource that is neither Exchange Online nor Graph, such as Azure or an own API."""
