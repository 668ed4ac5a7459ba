"""Tests of what the practice Microsoft refuses: sign-ins, tokens, SMTP logins and forwarded mail.

What it answers to good requests is in tests/contract and in every journey. Its pages are called over
WSGI, and its SMTP servers listen on real ports.
"""

import base64
import hashlib
import smtplib
from urllib.parse import parse_qs, urlsplit

import pytest

from practice.mail import gates
from practice.microsoft import ids
from tests.fixtures.practice_cloud import CALLBACK, practice_cloud
from tests.fixtures.waiting import LIMIT_S

GRAPH = "https://graph.microsoft.com/.default"
EXCHANGE = "https://outlook.office365.com/.default"
SMTP = "offline_access https://outlook.office.com/SMTP.Send"
VERIFIER = "v" * 50
DIGEST = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
ADMIN, SUPPORT, SHARED, AGENT = (
    f"{name}@contoso.com" for name in ("admin", "support", "shared", "agent")
)


class Services:
    """Practice Microsoft with the tests' actions: sign in, ask for tokens, use SMTP."""

    def __init__(self, cloud, http) -> None:
        self.cloud, self.http, self.settings = cloud, http, cloud.world.settings

    def change(self, **values) -> None:
        """Change the state of the tenant."""
        self.http.patch("/practice/tenants/contoso.com", json=values).raise_for_status()

    def mailboxes(self, **fields) -> None:
        """Change the settings of mailboxes, by the names of their users."""
        users = {f"{name}@contoso.com": {"mailbox": each} for name, each in fields.items()}
        self.change(users=users)

    def query(self, scope: str):
        """Return the query of an authorize request of the bot."""
        return {
            "client_id": self.settings.bot_client_id,
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": scope,
            "code_challenge": DIGEST.decode().rstrip("="),
            "code_challenge_method": "S256",
        }

    def authorize(self, account: str, scope: str, tenant: str = "organizations"):
        """Press Accept on the sign-in page."""
        data = {"account": account, "action": "accept"}
        path = f"/{tenant}/oauth2/v2.0/authorize"
        return self.http.post(path, params=self.query(scope), data=data)

    def redeem(self, **form: str):
        """Ask the token endpoint as the bot, and return its answer."""
        own = {"client_id": self.settings.bot_client_id}
        own |= {"client_secret": self.settings.bot_client_secret}
        return self.http.post("/organizations/oauth2/v2.0/token", data=own | form)

    def code(self, account: str, scope: str) -> dict[str, str]:
        """Sign in as an account, and return the form that redeems the code."""
        place = self.authorize(account, scope).headers["location"]
        code = parse_qs(urlsplit(place).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        return form | {"code_verifier": VERIFIER}

    def sign_in(self, account: str, scope: str):
        """Sign in as an account, and return its tokens."""
        return self.redeem(**self.code(account, scope), scope=scope).json()

    def refresh(self, tokens, **form: str):
        """Refresh tokens, and return the answer."""
        return self.redeem(
            grant_type="refresh_token", refresh_token=tokens["refresh_token"], **form
        )

    def smtp_login(self, user: str, token: str) -> tuple[int, str]:
        """Log in to the submission server with XOAUTH2, and return the code and the reply."""
        with self.submission() as client:
            blob = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
            code, reply = client.docmd("AUTH", f"XOAUTH2 {blob.decode()}")
            return code, reply.decode()

    def submission(self) -> smtplib.SMTP:
        """Return a connection to the submission server, after STARTTLS."""
        client = smtplib.SMTP("localhost", self.settings.smtp_port, timeout=LIMIT_S)
        client.starttls(context=self.cloud.connect.context)
        client.ehlo()
        return client


@pytest.fixture
def services(certificates):
    """Started practice Microsoft without delays."""
    with practice_cloud(certificates) as made:
        yield Services(*made)


def codes(answer):
    """Return the AADSTS codes of a token error."""
    return list(answer.json()["error_codes"])


@pytest.mark.parametrize(
    ("form", "code"), [({}, 900144), ({"scope": EXCHANGE}, 65001)], ids=["no scope", "no consent"]
)
def test_a_refresh_needs_a_scope_and_consent(services, form, code):
    """A refresh without a scope is 900144, and one for a resource without consent is 65001."""
    tokens = services.sign_in(ADMIN, "openid offline_access User.Read")
    assert "offline_access" not in tokens["scope"].split()
    assert codes(services.refresh(tokens, **form)) == [code]


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("disabled@contoso.com", "AADSTS50057"),
        ("admin@fabrikam.com", "AADSTS50020"),
        ("nobody@contoso.com", "AADSTS50034"),
    ],
)
def test_accounts_that_cannot_sign_in(services, account, code):
    """A disabled, a foreign and an unknown account each get a page with their AADSTS code."""
    assert code in services.authorize(account, "User.Read", "contoso.com").text


@pytest.mark.parametrize(("verifier", "told"), [(VERIFIER, [54005]), ("w" * 50, [501481])])
def test_a_code_is_good_once_and_with_its_verifier(services, verifier, told):
    """The second use of an authorization code is refused, and so is another PKCE verifier."""
    form = services.code(SUPPORT, "openid User.Read") | {"code_verifier": verifier}
    first, second = (services.redeem(**form) for _ in range(2))
    assert (first.is_success, codes(second)) == (verifier == VERIFIER, told)


def test_a_user_who_was_deleted_has_no_token(services):
    """The refresh token of a deleted user is refused with 50057.

    The sign-in log gets no row, because nobody signed in.
    """
    tokens = services.sign_in(SUPPORT, SMTP)
    tenant = services.cloud.world.tenant("contoso.com")
    del tenant.users[tenant.user(SUPPORT).id]
    noted = len(tenant.sign_ins)
    assert codes(services.refresh(tokens, scope=SMTP)) == [50057]
    assert len(tenant.sign_ins) == noted


def test_scopes_that_do_not_go_together(services):
    """Scopes of two resources are refused with 70011, and so is ``.default`` with another scope."""
    both = "User.Read https://outlook.office.com/SMTP.Send"
    assert codes(services.redeem(**services.code(SUPPORT, "User.Read"), scope=both)) == [70011]
    path, query = "/organizations/oauth2/v2.0/authorize", services.query(f"{GRAPH} User.Read")
    answer = services.http.get(path, params=query)
    assert "error=invalid_scope" in answer.headers["location"]


def test_a_policy_may_except_a_place(services):
    """A blocking policy can exclude a location, here that of Webex Connect.

    Requests from that location succeed, and all others are blocked.
    """
    tokens = services.sign_in(SUPPORT, SMTP)
    policy = {"id": "p", "state": "enabled", "grantControls": {"builtInControls": ["block"]}}
    policy["conditions"] = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "locations": {"includeLocations": ["All"], "excludeLocations": [ids.WEBEX]},
    }
    services.change(conditional_access=[policy])
    assert codes(services.refresh(tokens, scope=SMTP)) == [53003]
    services.http.headers[ids.PLACE] = ids.WEBEX
    assert "access_token" in services.refresh(tokens, scope=SMTP).json()


def test_a_graph_token_somebody_elses_and_nonsense_are_5_7_3(services):
    """A token for Graph, another user's token and nonsense are refused with 5.7.3.

    The token's audience, scope and user have to be right.
    """
    services.mailboxes(support={"smtp_auth_disabled": False})
    graph = services.sign_in(SUPPORT, "openid https://graph.microsoft.com/SMTP.Send")
    tokens = (graph["access_token"], services.sign_in(AGENT, SMTP)["access_token"], "nonsense")
    replies = [services.smtp_login(SUPPORT, token)[1][:5] for token in tokens]
    assert replies == ["5.7.3"] * 3


def test_a_delegate_logs_in_as_itself_only(services):
    """A delegate cannot log in with the shared address, whatever rights it has.

    The source is platforms/microsoft.md 2.6.
    """
    rights = {"smtp_auth_disabled": False, "full_access": [AGENT], "send_as": [AGENT]}
    services.mailboxes(shared=rights, agent={"smtp_auth_disabled": False})
    token = services.sign_in(AGENT, SMTP)["access_token"]
    assert services.smtp_login(SHARED, token)[1].startswith("5.7.3 Authentication unsuccessful")
    assert services.smtp_login(AGENT, token)[0] == 235


@pytest.mark.parametrize(
    ("trustees", "envelope", "author", "refusal"),
    [
        ([AGENT], SHARED, SHARED, ""),
        ([AGENT], AGENT, SHARED, ""),
        ([], SHARED, SHARED, "5.2.252 SendAsDenied; agent@contoso.com not allowed to send as"),
        ([], AGENT, SHARED, "5.7.60 SMTP; Client does not have permissions to send as this sender"),
    ],
)
def test_send_as_decides_at_data(services, trustees, envelope, author, refusal):
    """A sender without Send As is refused only after the mail itself.

    MAIL FROM is answered with 250 in any case.
    """
    services.mailboxes(shared={"send_as": trustees}, agent={"smtp_auth_disabled": False})
    token = services.sign_in(AGENT, SMTP)["access_token"]
    with services.submission() as client:
        client.auth("XOAUTH2", lambda _=None: f"user={AGENT}\x01auth=Bearer {token}\x01\x01")
        assert client.mail(envelope) == (250, b"2.1.0 Sender OK")
        client.rcpt("a@customer.example")
        code, reply = client.data(f"From: {author}\r\nSubject: x\r\n\r\nx")
    assert (code == 250, refusal in reply.decode()) == (not refusal, True)


def test_a_password_is_refused_and_nobody_sends_without_login(services):
    """A login with a password is refused as wrong credentials.

    MAIL without a login is 5.7.57, and before STARTTLS it is a 530.
    """
    with services.submission() as client:
        with pytest.raises(
            smtplib.SMTPAuthenticationError, match="user credentials were incorrect"
        ):
            client.login(SUPPORT, "secret")
        assert client.mail(SUPPORT)[1].startswith(b"5.7.57")
    with smtplib.SMTP("localhost", services.settings.smtp_port, timeout=LIMIT_S) as plain:
        plain.ehlo()
        assert plain.mail(SUPPORT)[0] == 530


CONDITIONS = ("From", "FromMemberOf", "SenderDomainIs")
EMPTY = dict.fromkeys((*CONDITIONS, *(f"ExceptIf{name}" for name in CONDITIONS)), ())


@pytest.mark.parametrize(
    ("rule", "sender", "applies"),
    [
        ({"From": ["SUPPORT@contoso.com"]}, SUPPORT, True),
        ({"From": [SUPPORT], "SenderDomainIs": ["fabrikam.com"]}, SUPPORT, False),
        ({"From": ["x@contoso.com", SUPPORT]}, SUPPORT, True),
        ({"FromMemberOf": ["sales@contoso.com"]}, AGENT, True),
        ({"FromMemberOf": ["sales@contoso.com"]}, SUPPORT, False),
        ({"SenderDomainIs": ["contoso.com"], "ExceptIfFrom": [SUPPORT]}, SUPPORT, False),
        ({"From": [SUPPORT], "State": "Disabled"}, SUPPORT, False),
    ],
)
def test_conditions_are_joined_by_and_their_values_by_or(services, rule, sender, applies):
    """A rule applies if all its conditions hold, and a condition holds if one of its values fits.

    Exceptions win, a disabled rule does not count, and without a rule the default policy applies.
    """
    tenant = services.cloud.world.tenant("contoso.com")
    tenant.exchange.outbound_policies.append({"Name": "P", "IsDefault": False})
    usual = {"State": "Enabled", "Priority": 0, "HostedOutboundSpamFilterPolicy": "P"}
    tenant.exchange.outbound_rules.append(EMPTY | usual | rule)
    assert (gates.policy(tenant, tenant.user(sender))["Name"] == "P") is applies


def test_the_nearest_remote_domain_counts(services):
    """The most specific remote domain applies: the exact name, then a wildcard, then ``*``."""
    tenant = services.cloud.world.tenant("contoso.com")
    names = ("*", "*.b.example", "a.b.example")
    tenant.exchange.remote_domains = [{"DomainName": name} for name in names]
    asked = ("a.b.example", "c.b.example", "d.example")
    found = [gates.remote_domain(tenant, name)["DomainName"] for name in asked]
    assert found == ["a.b.example", "*.b.example", "*"]
