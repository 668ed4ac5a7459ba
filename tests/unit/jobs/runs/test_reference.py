from __future__ import annotations

import re

from jobs.runs.run import new_reference


def test_references_differ_and_are_easy_to_read_out():
    """References differ from each other, and each has ``REF-`` and six hexadecimal digits."""
    made = {new_reference() for _ in range(100)}
    assert len(made) > 95
    assert all(re.fullmatch(r"REF-[0-9A-F]{6}", each) for each in made)
