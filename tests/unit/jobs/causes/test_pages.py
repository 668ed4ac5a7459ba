"""Pages that explain a cause: only pages that are listed with what they are a source of."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobs.causes.cause import CAUSES, ENTRA_CODE_PAGE, page_of

LISTED = tomllib.loads(
    (Path(__file__).parents[3] / "data" / "learn_more_pages.toml").read_text(encoding="utf-8")
)["page"]


def test_every_page_is_in_the_list_of_the_facts():
    """A page that no fact names is not linked, and a page that nothing links is not listed."""
    pages = {page_of(cause) for cause in CAUSES} - {""}
    kinds = {ENTRA_CODE_PAGE if page.startswith(ENTRA_CODE_PAGE) else page for page in pages}
    assert {each["url"] for each in LISTED} == kinds


@pytest.mark.parametrize("page", LISTED, ids=lambda page: page["document"][-40:])
def test_a_page_is_the_document_of_its_fact(page: dict[str, str]):
    """The address of a page is Microsoft's or Cisco's, and it contains the name of the document.

    The page names the fact that it belongs to.
    """
    address = urlsplit(page["url"])
    assert address.scheme == "https"
    assert page["document"].lower() in page["url"].lower()
    assert address.netloc in {
        "aka.ms",
        "help.webex.com",
        "help.webexconnect.io",
        "learn.microsoft.com",
        "login.microsoftonline.com",
    }
    assert page["fact"].startswith(("microsoft.md ", "connect.md ", "recordings/"))


@pytest.mark.parametrize("cause", CAUSES)
def test_the_number_of_a_cause_means_that_cause(cause: str):
    """A cause has Microsoft's page of a number only if the bot reads the number as that cause."""
    number = page_of(cause).rpartition(ENTRA_CODE_PAGE)[2]
    assert not number.isdigit() or int(number) in CAUSES[cause].entra


def test_a_number_means_one_cause():
    """No AADSTS number is that of two causes."""
    numbers = [number for entry in CAUSES.values() for number in entry.entra]
    assert sorted(numbers) == sorted(set(numbers))


@pytest.mark.parametrize(
    ("cause", "page"),
    [
        ("client_secret_expired", "https://login.microsoftonline.com/error?code=7000222"),
        ("smtp_auth_off_for_tenant", "https://aka.ms/smtp_auth_disabled"),
        ("no_task", "https://help.webexconnect.io/docs/wxcc-create-task"),
        ("mailbox_full", ""),
        ("no_such_cause", ""),
    ],
)
def test_the_page_of_a_cause(cause: str, page: str):
    """A cause has the page that explains it; a cause without a known page has none."""
    assert page_of(cause) == page
