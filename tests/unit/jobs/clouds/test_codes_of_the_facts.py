"""Every code that Microsoft's services refuse with has a cause and a remedy (codes.toml)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs.causes.patterns import patterns
from jobs.causes.reader import read
from jobs.causes.speaker import Place
from jobs.clouds.errors import RequestIds
from jobs.microsoft.responses import judge_exchange, judge_graph
from practice.shared import ABSENT, FACTS

ROOT = Path(__file__).parents[4]
TOLD = FACTS / "microsoft.md"
CODES: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("codes.toml").read_text(encoding="utf-8")
)
REMEDIES = tomllib.loads(
    (ROOT / "adaptive_cards" / "texts" / "en" / "causes.toml").read_text(encoding="utf-8")
)["remedy"]
GRAPH_SECTIONS = ("### 1.2", "### 1.3", "### 1.5", "### 1.6", "## 7")
GRAPH_CODE = re.compile(r"\b(?:Request|Authorization|Directory)_\w+|\bNoBacking\w+")
EXCHANGE_CODE = re.compile(r"\b(?!ODataService)\w+Exception\b")
"""Pattern of Exchange's exception names.

ODataServiceException wraps each of the others and has no meaning of its own.
"""
SMTP_CODE = re.compile(r"\b[45]\.\d\.\d{1,3}\b")

needs_facts = pytest.mark.skipif(not TOLD.exists(), reason=ABSENT)


def section(heading: str) -> str:
    """Return the text below a heading of the facts, as one line without code marks."""
    text = TOLD.read_text(encoding="utf-8").split(f"\n{heading}", 1)[1]
    body = re.split(r"\n##+ ", text, maxsplit=1)[0]
    return " ".join(body.replace("`", "").split())


def rows(service: str) -> list[Any]:
    """Return the rows of one service as parameters, each with its words in the facts as id."""
    return [pytest.param(row, id=row["facts"][:40]) for row in CODES[service]]


def exchange_body(row: dict[str, Any]) -> bytes:
    """Return InvokeCommand's answer as captured, with the words in the part that the row names."""
    kind, message = row.get("type", ""), row["message"]
    parts: dict[str, dict[str, Any]] = {
        "details": {
            "message": "Error executing cmdlet",
            "details": [
                {"code": "Client", "message": f"Ex6F9304|{kind}|{message}" if kind else message}
            ],
        },
        "internalexception": {
            "message": "Invalid Operation",
            "innererror": {"internalexception": {"message": message, "type": kind}},
        },
        "error": {"message": message},
    }
    if row["part"] == "nothing":
        return b"\0" * 4096
    return httpx.Response(200, json={"error": {"code": "BadRequest", **parts[row["part"]]}}).content


def test_every_aadsts_code_has_a_cause_with_a_remedy():
    """Every AADSTS code on the list has a cause with a remedy."""
    numbers, listed = patterns().codes["entra"], {*CODES["entra"], *CODES["entra_beyond_the_facts"]}
    assert listed - numbers.keys() == set()
    assert {numbers[each].cause for each in listed} - REMEDIES.keys() == set()


@pytest.mark.parametrize("row", rows("graph"))
def test_every_refusal_of_graph_has_its_cause(row: dict[str, Any]):
    """Every refusal of Graph has its cause by code or words, whatever the status is."""
    body = {"error": {"code": row["code"], "message": row["message"]}}
    error = judge_graph(httpx.Response(row["status"], json=body), RequestIds())
    assert (error.cause, error.code, error.message) == (row["cause"], row["code"], row["message"])
    assert row["cause"] in REMEDIES


@pytest.mark.parametrize("row", rows("exchange"))
def test_every_refusal_of_exchange_has_its_cause(row: dict[str, Any]):
    """Every refusal of Exchange has its cause by exception and words, in any part of the body."""
    error = judge_exchange(httpx.Response(row["status"], content=exchange_body(row)), RequestIds())
    assert (error.cause, error.message) == (row["cause"], row["message"])
    assert row["cause"] in REMEDIES


@pytest.mark.parametrize("row", rows("smtp"))
def test_every_reply_and_bounce_has_its_cause(row: dict[str, Any]):
    """Every reply and bounce has exactly one cause, whether it was pasted or read from a trace."""
    assert [found.cause for found in read(row["facts"], Place.EXCHANGE).certain] == [row["cause"]]
    assert row["cause"] in REMEDIES


def test_every_cause_of_the_list_is_one_of_the_products():
    """Every cause in codes.toml is a cause of the product, because a misspelled one is useless."""
    assert {
        row["cause"] for service in ("graph", "exchange", "smtp") for row in CODES[service]
    } - REMEDIES.keys() == set()


@needs_facts
@pytest.mark.parametrize("service", ["graph", "exchange", "smtp"])
def test_the_list_says_what_the_facts_say(service: str):
    """The words of each row in codes.toml are in the section of the facts that the row names."""
    assert [
        row["facts"] for row in CODES[service] if row["facts"] not in section(row["section"])
    ] == []


@needs_facts
def test_no_aadsts_code_of_the_facts_is_left_out():
    """The AADSTS codes in codes.toml are those that section 5 of the facts lists.

    Every AADSTS code that the facts name elsewhere is in that list.
    """
    listed = {
        int(code)
        for row in re.findall(r"\n\| ([\d /]+) \|", TOLD.read_text(encoding="utf-8"))
        for code in re.findall(r"\d{5,}", row)
    }
    transient = {
        int(code)
        for code in re.findall(
            r"\d{5,}", section("## 5.").split("| 90099 ")[1].split("| transient")[0]
        )
    }
    named = {int(code) for code in re.findall(r"AADSTS(\d+)", TOLD.read_text(encoding="utf-8"))}
    assert (listed | transient, named - listed - transient) == (set(CODES["entra"]), set())


@needs_facts
def test_every_reply_in_the_table_of_the_facts_is_explained():
    """Every reply in section 4.1 of the facts has a cause.

    Several of the replies share a code, so their words count.
    """
    table = TOLD.read_text(encoding="utf-8").split("\n### 4.1", 1)[1].split("\n### ", 1)[0]
    replies = [
        line.split(" | ")[0].strip("| ").replace("`", "")
        for line in table.splitlines()
        if line.startswith("| ")
    ][1:]
    unexplained = [
        reply
        for reply in replies
        if not reply.startswith("235") and not read(reply, Place.EXCHANGE).causes
    ]
    assert (len(replies), unexplained) == (14, [])


@needs_facts
def test_no_code_of_graph_exchange_and_smtp_in_the_facts_is_left_out():
    """Every code of Graph, Exchange and SMTP in the facts has a row in codes.toml."""
    rows_text = {
        service: " ".join(str(row) for row in CODES[service])
        for service in ("graph", "exchange", "smtp")
    }
    named = {
        "graph": {
            code for heading in GRAPH_SECTIONS for code in GRAPH_CODE.findall(section(heading))
        },
        "exchange": set(EXCHANGE_CODE.findall(section("### 3.5"))),
        "smtp": {
            code
            for heading in ("### 2.3", "### 4.1")
            for code in SMTP_CODE.findall(section(heading))
        },
    }
    left_out = {
        service: {code for code in codes if code not in rows_text[service]}
        for service, codes in named.items()
    }
    assert all(named.values())
    assert left_out == {"graph": set(), "exchange": set(), "smtp": set()}
