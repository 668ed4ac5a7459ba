"""Whole site of ``make site``, built in strict mode by MkDocs."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.fixtures.waiting import ran

ROOT = Path(__file__).parents[2]
MKDOCS = ROOT / ".venv" / "site" / "bin" / "mkdocs"


@pytest.mark.slow
def test_the_site_is_built_without_a_warning():
    """The site is built without a warning, has a German page and can be searched.

    A broken link, a missing anchor or a page without a place in the menu would be an error.
    """
    mkdocs = MKDOCS if MKDOCS.exists() else shutil.which("mkdocs")
    if not mkdocs:
        pytest.skip("MkDocs is not installed: make site installs it into .venv/site")
    built = ran(sys.executable, "tools/site.py", mkdocs, cwd=ROOT, timeout=None)
    assert (built.returncode, built.stderr) == (0, "")
    html = ROOT / ".site" / "html"
    assert 'lang="de"' in (html / "de" / "glossary" / "index.html").read_text("utf-8")
    index = (html / "search" / "search_index.json").read_text("utf-8")
    assert "AADSTS7000222" in index
    assert "Mailbox user" in index
