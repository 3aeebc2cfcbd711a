"""The worked example of the reference is what the code computes."""

from __future__ import annotations

import hashlib
import re

import pytest

from app.cli.verify import BROKEN, NOT_PROVEN, PROVEN, UNREADABLE
from app.models.integrity import Checkpoint, Integrity, Signature
from app.rules.canonical import canonicalise
from app.rules.chain import genesis
from app.rules.seal import section_digest, statement_of
from app.storage.keys import read_public_key
from tests.docs.markdown import read
from tests.sealing import DATA, a_document

PAGE = read("docs/reference/integrity.md")
DOCUMENT = a_document()


def test_the_worked_example_is_computed_so() -> None:
    statement = statement_of(DOCUMENT["integrity"], "t-1")
    second = {name: value for name, value in DOCUMENT["events"][1].items() if name != "hash"}
    for shown in (
        read_public_key(DATA / "public-key.pem").hex(),
        genesis(DOCUMENT["trace_id"], DOCUMENT["created_at"]).hex(),
        DOCUMENT["events"][0]["hash"],
        canonicalise(second).decode(),
        DOCUMENT["events"][1]["hash"],
        canonicalise(DOCUMENT["task"]).decode(),
        section_digest(DOCUMENT["task"]),
        f"{len(statement)} bytes",
        hashlib.sha256(statement).hexdigest(),
        DOCUMENT["integrity"]["signature"]["value"],
    ):
        assert shown in PAGE


@pytest.mark.parametrize(
    "name", [*Integrity.model_fields, *(f"signature.{name}" for name in Signature.model_fields), *Checkpoint.model_fields]
)
def test_every_field_is_described(name: str) -> None:
    # a backtick: in a table; a quotation mark: in an example
    assert f"`{name}`" in PAGE or f'"{name}":' in PAGE


def test_the_exit_codes_are_those_of_the_command() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == {PROVEN, BROKEN, NOT_PROVEN, UNREADABLE}
