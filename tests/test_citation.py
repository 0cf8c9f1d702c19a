"""CITATION.cff says what is to be cited, in the form that readers of such files take."""

from pathlib import Path
from typing import Any

import yaml

import nearfar

FILE = Path(__file__).parents[1] / "CITATION.cff"
REQUIRED = {"cff-version", "message", "title", "authors"}
"""Of the Citation File Format 1.2.0."""
ALLOWED = REQUIRED | {
    "abstract",
    "date-released",
    "doi",
    "keywords",
    "license",
    "references",
    "repository-code",
    "type",
    "url",
    "version",
}


def read() -> dict[str, Any]:
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_the_required_keys_are_there_and_no_unknown_ones() -> None:
    found = read()
    assert set(found) >= REQUIRED
    assert set(found) <= ALLOWED
    assert found["cff-version"] == "1.2.0"
    assert found["type"] == "software"
    assert all({"name"} == set(one) or "family-names" in one for one in found["authors"])
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= set(reference)


def test_it_is_the_version_and_the_licence_of_the_package() -> None:
    found = read()
    assert found["version"] == nearfar.__version__
    assert found["license"] == "Apache-2.0"
