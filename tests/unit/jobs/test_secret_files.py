"""Tests of secrets in files, which NAME_FILE or the folder of systemd's credentials names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.settings import settings_problems
from jobs.settings import SECRETS, read_files

ROOT = Path(__file__).parents[3]
UNREAD = "cannot be read from {}, which"
MAY_BE_SECRET = re.compile(r"^\| `(\w+(?:TOKEN|SECRET|KEYS?))` \|", re.MULTILINE)


def put(folder: Path, content: bytes, name: str = "ENCRYPTION_KEYS") -> str:
    """Write the file of a secret and return its path."""
    (folder / name).write_bytes(content)
    return str(folder / name)


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_may_be_in_a_file(name, tmp_path):
    """Every secret may be read from a NAME_FILE path or from the folder of systemd's credentials.

    The newline at the end of the file is dropped. Everything else stays unchanged.
    """
    path = put(tmp_path, b"a secret of its own\r\n", name)
    for place in ({f"{name}_FILE": path}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        values, problems = read_files(place | {"PORT": "1"})
        assert (values[name], values["PORT"], problems) == ("a secret of its own", "1", ())


def test_every_secret_of_the_table_is_known():
    """Each setting in the docs that is named a token, a secret or a key may be in a file."""
    named = set(MAY_BE_SECRET.findall((ROOT / "docs/settings.md").read_text(encoding="utf-8")))
    assert named
    assert named - set(SECRETS) == set()


def test_a_secret_in_the_environment_stays(tmp_path):
    """A secret in the environment stays if its file path is blank and its folder lacks it."""
    put(tmp_path, b"x", "OTHER")
    env = {"ENCRYPTION_KEYS": "key", "ENCRYPTION_KEYS_FILE": " "}
    env["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    assert read_files(env) == (env, ())


def test_two_places_are_one_too_many(tmp_path):
    """A secret that is set in several places is an error that names the places, not the secret."""
    path = put(tmp_path, b"of the file")
    both = {"ENCRYPTION_KEYS": "of the variable", "ENCRYPTION_KEYS_FILE": path}
    _, (problem,) = read_files(both | {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert problem == (
        "ENCRYPTION_KEYS is set more than once, by ENCRYPTION_KEYS and ENCRYPTION_KEYS_FILE and"
        " CREDENTIALS_DIRECTORY: keep one"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "is empty in {}, which {} names"),
        (b"\xff", f"{UNREAD} {{}} names (it is no text in UTF-8)"),
    ],
)
def test_a_file_without_a_secret_is_named(content, words, tmp_path):
    """If a secret file has no usable text, the error names the setting and the path."""
    path = put(tmp_path, content)
    _, [problem] = read_files({"ENCRYPTION_KEYS_FILE": path})
    assert problem == f"ENCRYPTION_KEYS {words.format(path, 'ENCRYPTION_KEYS_FILE')}"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """If a secret file is missing or is a folder, the error names the setting and the path.

    A credentials folder that cannot be read is named, too.
    """
    gone = tmp_path / "gone"
    places = {
        "ENCRYPTION_KEYS_FILE": gone,
        "REDIS_URL_FILE": tmp_path,
        "CREDENTIALS_DIRECTORY": gone,
    }
    problems = [each for name, path in places.items() for each in read_files({name: str(path)})[1]]
    missing, key = "(No such file or directory)", f"ENCRYPTION_KEYS {UNREAD.format(gone)}"
    url = f"REDIS_URL {UNREAD.format(tmp_path)}"
    assert problems == [
        f"{key} ENCRYPTION_KEYS_FILE names {missing}",
        f"{url} REDIS_URL_FILE names (Is a directory)",
        f"CREDENTIALS_DIRECTORY names {gone}, which cannot be read {missing}",
    ]


def test_a_secret_that_is_not_read_is_not_said_to_be_missing():
    """A secret whose file cannot be read gives one error only, and does not count as missing."""
    values, unread = read_files({"WEBEX_WEBHOOK_SECRET_FILE": "/gone"})
    about = [line for line in settings_problems(values, unread) if "WEBHOOK" in line]
    assert about == list(unread)
