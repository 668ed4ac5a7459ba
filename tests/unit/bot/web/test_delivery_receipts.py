"""Endpoint for Webex Connect's receipts of a test mail."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from bot.services import Services
from bot.web import delivery_receipts
from bot.web.app import create_app
from jobs.contact_center import delivery_receipts as kept
from jobs.contact_center.webex_connect import Receipt

POSTED = {
    "deliveryInfoNotification": {
        "deliveryInfo": {"code": "7553", "Description": "SMTP Authentication Failed"},
        "transid": "t-1",
    }
}


@pytest.fixture
def client(services: Services) -> FlaskClient:
    """Client that posts receipts, as Webex Connect does."""
    return create_app(services.bot, services.redis, [delivery_receipts.hooks]).test_client()


def test_a_receipt_is_kept(services: Services, client: FlaskClient):
    """A receipt is kept under the run for which its address was made."""
    token = kept.begin(services.redis, "R1")
    assert client.post(f"{kept.PATH}{token}", json=POSTED).status_code == 200
    assert kept.read(services.redis, "R1") == Receipt("7553", "SMTP Authentication Failed", "t-1")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"7501"', b"\xff"])
def test_whatever_is_posted_does_no_harm(services: Services, client: FlaskClient, body: bytes):
    """A body that is not a receipt is accepted and forgotten."""
    token = kept.begin(services.redis, "R1")
    assert client.post(f"{kept.PATH}{token}", data=body).status_code == 200
    assert kept.read(services.redis, "R1") is None


def test_an_address_that_nobody_was_given(services: Services, client: FlaskClient):
    """A receipt at an address that nobody was given gets 404, and nothing is kept.

    An address cannot be read with GET.
    """
    kept.begin(services.redis, "R1")
    assert client.post(f"{kept.PATH}guess", json=POSTED).status_code == 404
    assert client.get(f"{kept.PATH}guess").status_code == 405
    assert kept.read(services.redis, "R1") is None
