"""Texts of Entra and Graph: numbers in any spelling, pages in other languages, other resources."""

from __future__ import annotations

import pytest

from jobs.causes.reader import read


def certain(text: str) -> tuple[str, ...]:
    """Return the causes that the text names with certainty."""
    return tuple(each.cause for each in read(text).certain)


@pytest.mark.parametrize(
    "text",
    [
        "Microsoft\nApprobation de l'administrateur requise",
        "Microsoft\nSe necesita la aprobación del administrador",
        "Microsoft\nÈ necessaria l'approvazione dell'amministratore",
        "Microsoft\nGoedkeuring van beheerder vereist",
        "Microsoft\n管理者の承認が必要",
        "Microsoft\n需要管理员批准",
        "Administrator approval required\nThe app needs permission that only an administrator can grant.",
        "error: This operation can only be performed by an administrator, says login.microsoftonline.com",
    ],
)
def test_the_page_of_the_administrator_s_approval_in_other_languages(text: str):
    """The page about an administrator's approval is recognized in other languages.

    Its heading is enough, because a person copies only that.
    """
    assert certain(text) == ("admin_consent_required",)


@pytest.mark.parametrize(
    "text",
    [
        "login.microsoftonline.com: Vous ne pouvez pas y accéder pour le moment",
        "Microsoft Entra: No puede acceder a esto en este momento",
        "Microsoft Entra: Al momento non è possibile accedere a questa risorsa",
        "Office 365: o acesso condicional bloqueou o início de sessão",
        "現時点ではこれにアクセスできません",
        "Azure AD の条件付きアクセス",
    ],
)
def test_the_page_of_conditional_access_in_other_languages(text: str):
    """The page of Conditional Access is recognized in other languages.

    It says that the sign-in was successful and that a policy forbids the rest.
    """
    assert certain(text) == ("blocked_by_conditional_access",)


@pytest.mark.parametrize(
    "text",
    [
        "Office 365: impossible d'accéder au serveur pour le moment",
        "Office 365: não foi possível acessar o servidor no momento",
        "Office 365: your message waits for the approval of the group's administrator",
        "AADB2C90118: The user has forgotten their password. login.contoso.b2clogin.com",
        "GET https://graph.microsoft.com/v1.0/sites/root accessDenied: Access is denied",
    ],
)
def test_other_sentences_with_such_words_are_no_sign_in(text: str):
    """Similar sentences about a server, a moderated mail or other products name no cause."""
    assert certain(text) == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("AADSTS-50126", "password_wrong"),
        ("AADSTS #50126", "password_wrong"),
        ("Azure AD, Código de error: 53003", "blocked_by_conditional_access"),
        ("Microsoft Entra エラー コード が 53003 です", "blocked_by_conditional_access"),
        ("SigninLogs ResultType 50126", "password_wrong"),
        ('MSAL {"errorNo":700082}', "refresh_token_expired"),
        ("AADSTS51006: Integrated Windows authentication is needed.", "sign_in_missing"),
    ],
)
def test_a_number_in_other_spellings(text: str, cause: str):
    """An AADSTS number is read in other fields, and with another sign between its two parts."""
    assert certain(text) == (cause,)


@pytest.mark.parametrize(
    "resource",
    ["https://management.azure.com", "api://contoso.example/1", "https://a.sharepoint.com"],
)
def test_a_missing_resource_that_is_not_exchange(resource: str):
    """AADSTS500011 about another resource does not mean that Exchange Online is missing.

    The number is returned as unknown, so that it can be looked up.
    """
    said = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
    reading = read(said)
    assert (reading.causes, [each.code for each in reading.unknown]) == ((), ["AADSTS500011"])


@pytest.mark.parametrize(
    "resource", ["https://outlook.office365.com", "https://graph.microsoft.com/a"]
)
def test_a_missing_resource_that_is_exchange_or_graph(resource: str):
    """AADSTS500011 about Exchange or Graph means that the tenant does not know Exchange Online.

    The resource may also be misspelled.
    """
    said = f"AADSTS500011: The resource principal named {resource} was not found in the tenant."
    assert certain(said) == ("exchange_service_missing",)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{"error":{"code":"ErrorMissingEmailAddress"}}', "licence_missing"),
        ('{"error":{"code":"ErrorServiceUnavailable"}}', "service_unavailable"),
        ('{"error":{"code":"ErrorItemNotFound"}}', "not_found"),
        (
            "Access to OData is disabled: Blocked by tenant configured AppOnly AccessPolicy settings.",
            "not_allowed",
        ),
        ("callback?error=access_denied&error_subcode=cancel", "consent_cancelled"),
        ("MsalUiRequiredException: No account or login hint was passed", "sign_in_missing"),
        ("Microsoft Graph: Invalid OAuth state parameter.", "state_mismatch"),
        ("The client does not exist or is not enabled for consumers.", "app_not_found"),
    ],
)
def test_words_of_graph_and_of_msal(text: str, cause: str):
    """Words of Graph and of MSAL without an AADSTS number name their cause."""
    assert certain(text) == (cause,)


@pytest.mark.parametrize(
    ("text", "cause"),
    [("AADSTS5OO2O1: ...", "account_of_other_tenant"), ("AADSTS700O16", "app_not_found")],
)
def test_letters_in_place_of_digits(text: str, cause: str):
    """Letters in place of digits are read as digits, because a machine may have read a picture."""
    assert certain(text) == (cause,)


def test_words_behind_the_letters_are_no_number():
    """A word after AADSTS is not read as a number, even if its letters look like digits."""
    assert read("AADSTS OIl is no number").codes == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("No service namespace named 'x' was found in the data store.", "tenant_not_found"),
        ("POST https://login.microsoftonline.com//oauth2/v2.0/token 404", "tenant_not_found"),
        ("'Calendar sync not enabled: User canceled authentication", "consent_cancelled"),
        ("You can't sign in here with a personal account.", "account_of_other_tenant"),
        (
            "Microsoft Graph: The tenant for tenant guid 'x' does not exist.",
            "exchange_service_missing",
        ),
    ],
)
def test_other_words_of_a_sign_in(text: str, cause: str):
    """Other words of a sign-in name their cause, at least as a possible one."""
    assert cause in {each.cause for each in read(text).causes}


def test_the_sentence_of_invalid_client_beside_a_sign_of_microsoft():
    """The sentence of RFC 6749 for invalid_client counts only next to a sign of Microsoft.

    Other services say it as well.
    """
    said = "Client authentication failed (e.g., unknown client, no client authentication included)"
    assert [each.cause for each in read(f"{said} n8n-nodes-base.microsoftOutlook").causes] == [
        "client_secret_wrong"
    ]
    assert certain(said) == ()


def test_a_host_that_was_wrapped():
    """A server's name counts even if a line ends within it and the text has no other sign."""
    assert read("POST https://graph.micro\nsoft.com/v1.0/users/x/sendmail failed").ours
