"""Pages that explain a cause: only pages that the facts name as a source."""

from __future__ import annotations

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from jobs.causes.patterns import patterns
from jobs.clouds.learn_more import ENTRA_CODE_PAGE, NUMBERS, PAGES, page_of

LISTED = tomllib.loads(
    (Path(__file__).parents[3] / "data" / "learn_more_pages.toml").read_text(encoding="utf-8")
)["page"]


def test_every_page_is_in_the_list_of_the_facts():
    """A page that no fact names is not linked, and a page that nothing links is not listed."""
    assert {each["url"] for each in LISTED} == {*PAGES, ENTRA_CODE_PAGE}


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


@pytest.mark.parametrize("cause", NUMBERS)
def test_the_number_of_a_cause_means_that_cause(cause: str):
    """A cause has Microsoft's page of a number only if the bot reads the number as that cause."""
    assert patterns().numbers[NUMBERS[cause]].cause == cause


def test_a_cause_has_one_page_at_most():
    """No cause has two pages in the table."""
    named = [cause for causes in PAGES.values() for cause in causes] + list(NUMBERS)
    assert sorted(named) == sorted(set(named))


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
