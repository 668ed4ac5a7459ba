# ruff: noqa: INP001  (a script, not a package)
"""Generator of deploy/sbom.cdx.json (make sbom): the software bill of materials, in CycloneDX 1.6.

Everything in the file comes from requirements.txt: names, versions, hashes, and which package needs
which. Therefore the file describes an installation with ``--require-hashes``, such as that of the
image.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.txt"
PAGE = ROOT / "deploy/sbom.cdx.json"
PRODUCT = "webex-email-bot"
FIRST = re.compile(r"(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))?")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


class Package(NamedTuple):
    """One entry of requirements.txt.

    ``marker`` says on which machines the package is installed, and is empty for all machines.
    ``needed_by`` has the names of the packages that need it, and the product may be among them.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    needed_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Return the address of the package in the form of the package-url specification."""
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(lock: str) -> Iterator[Package]:
    """Yield every package of a requirements file that ``uv pip compile`` has written."""
    for entry in re.split(r"\n(?=[a-z0-9])", lock):
        if first := FIRST.match(entry):
            _, _, reason = entry.partition("# via")
            parents = (line.strip(" #").partition(" ")[0] for line in reason.splitlines())
            yield Package(
                first["name"],
                first["version"],
                (first["marker"] or "").strip(),
                tuple(HASH.findall(entry)),
                tuple(filter(None, parents)),
            )


def component(package: Package) -> dict[str, Any]:
    """Return a package as a component. Its hashes are those of the files that pip accepts."""
    marker = [{"name": "pip:marker", "value": package.marker}] if package.marker else []
    files = {
        "type": "distribution",
        "url": package.purl,
        "hashes": [{"alg": "SHA-256", "content": each} for each in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [files],
        **({"properties": marker} if marker else {}),
    }


def bill(lock: str, version: str) -> dict[str, Any]:
    """Return the bill of materials for a requirements file, without a time or a random number."""
    found = tuple(packages(lock))
    root = f"pkg:generic/{PRODUCT}@{version}"
    refs = {package.name: package.purl for package in found} | {PRODUCT: root}
    needs: dict[str, list[str]] = {ref: [] for ref in refs.values()}
    for package in found:
        for parent in package.needed_by:
            needs[refs[parent]].append(package.purl)
    product = {
        "type": "application",
        "bom-ref": root,
        "name": PRODUCT,
        "version": version,
        "licenses": [{"license": {"id": "MIT"}}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": [component(package) for package in found],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(others)} for ref, others in sorted(needs.items())
        ],
    }


def page() -> str:
    """Return the bill of materials for the present requirements and version, as JSON text."""
    code = (ROOT / "bot/__init__.py").read_text(encoding="utf-8")
    version = VERSION.findall(code)[0]
    return json.dumps(bill(LOCK.read_text(encoding="utf-8"), version), indent=1) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
