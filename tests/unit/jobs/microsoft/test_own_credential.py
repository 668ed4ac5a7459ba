"""End of the bot's own credential, and the doctor command's words about it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from jobs.clock import now
from jobs.microsoft.client_credential import own_credential
from tests.fixtures.client_certificate import make_pem


@pytest.fixture
def settings(make_settings):
    """Settings with a client secret."""
    return make_settings(microsoft_client_secret="abc8Q~made-up")


@pytest.mark.parametrize(
    ("days", "problem", "doubt"), [(31, False, False), (29, False, True), (-1, True, False)]
)
def test_a_certificate_says_when_it_ends(settings, tmp_path, days, problem, doubt):
    """The doctor command warns in a certificate's last 30 days and reports a problem after them."""
    lasts = timedelta(days=days, minutes=5)
    path = make_pem(ends_in=lasts).write(tmp_path / "bot.pem")
    work = replace(settings, microsoft_client_secret="", microsoft_client_certificate=str(path))
    found = own_credential(work)
    assert (bool(found.problem), bool(found.doubt)) == (problem, doubt)
    assert found.ends is not None
    assert abs(now() + lasts - found.ends) < timedelta(minutes=5)
    says = f"a certificate until {found.ends:%d %b %Y}"
    assert says in (found.problem or found.doubt or found.words)


def test_a_file_that_cannot_be_read(settings):
    """If the certificate's file cannot be read, the doctor command's problem names the setting.

    The sentence is the same as at the start of the bot.
    """
    work = replace(settings, microsoft_client_secret="", microsoft_client_certificate="/gone.pem")
    assert own_credential(work).problem.startswith("MICROSOFT_CLIENT_CERTIFICATE names /gone")


def test_a_federated_token_has_no_end(settings):
    """A federated token has no known end and raises no doubt, because its platform renews it."""
    work = replace(
        settings, microsoft_client_secret="", microsoft_federated_token_file="/var/token"
    )
    found = own_credential(work)
    assert (found.ends, found.problem, found.doubt) == (None, "", "")


def test_a_secret_whose_end_nobody_knows(settings):
    """If a secret's end is unknown, the doctor command warns and names the setting for it.

    The warning is gone as soon as the setting has a date.
    """
    assert "MICROSOFT_CLIENT_SECRET_EXPIRES" in own_credential(settings).doubt
    at = now()
    day = f"{at + timedelta(days=90):%Y-%m-%d}"
    found = own_credential(replace(settings, microsoft_client_secret_expires=day))
    assert (found.doubt, found.problem, found.ends is not None) == ("", "", True)
