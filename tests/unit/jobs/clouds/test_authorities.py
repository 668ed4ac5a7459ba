"""Variables that name certificate authorities are looked at before a process starts."""

import pytest

from jobs.clouds.tls import AUTHORITIES, problems


@pytest.mark.parametrize("name", AUTHORITIES)
def test_what_cannot_be_read_is_named(name, tmp_path):
    """A problem is reported for a variable whose file is missing or holds no certificate."""
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate", encoding="utf-8")
    gone = tmp_path / "gone.pem"
    told = "names {}, which cannot be used ({}): name a file of certificates in PEM"
    for path, why in ((gone, "No such file or directory"), (empty, "it holds no certificate")):
        assert [*problems({name: str(path)})] == [f"{name} {told.format(path, why)}"]


@pytest.mark.parametrize("name", AUTHORITIES)
def test_what_can_be_read_is_fine(name, certificate, tmp_path):
    """A variable may name a file of certificates or a folder, or it may be empty."""
    for value in (certificate.cert, tmp_path, ""):
        assert [*problems({name: str(value)})] == []
