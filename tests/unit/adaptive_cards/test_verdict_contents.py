"""Tests of the sections of a check's card: causes, symptoms, proofs, findings and commands."""

import json


def test_thirty_findings_lose_nothing(examples, nodes):
    """A card with thirty findings still shows each finding, and each remedy that has no button.

    Rows become lines of a list if room is short.
    """
    card = examples["verdict-thirty"]
    opened = next(
        node["card"] for node in nodes(card.content) if node.get("title") == "Details: 30 findings"
    )
    facts = [fact for node in nodes(card.content) for fact in node.get("facts", [])]
    assert sum(len(node["facts"]) for node in nodes(opened) if "facts" in node) == 30
    assert sum(fact["title"] == "Remedy" for fact in facts) == 1
    assert "\u2026" not in json.dumps(card.content, ensure_ascii=False)
