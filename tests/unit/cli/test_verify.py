"""``verify`` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.verify import command
from tests.sealing import DATA, a_document

SEALED, OPEN, KEY, CHECKPOINT = (str(DATA / name) for name in ("sealed.json", "open.json", "public-key.pem", "checkpoint.json"))


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=stdin)


@pytest.fixture
def altered(tmp_path: Path) -> str:
    document = a_document()
    document["events"][1]["data"]["file_path"] = "src/other.py"
    path = tmp_path / "altered.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_an_intact_document_is_ok() -> None:
    result = run(SEALED, "--public-key", KEY)

    assert result.exit_code == 0
    assert result.output == f"{SEALED}: trace t-1, 8 events: OK, signed by 56475aa75463474c\n"


def test_the_first_broken_place_is_named(altered: str) -> None:
    result = run(SEALED, altered, "--public-key", KEY)

    assert result.exit_code == 1
    assert result.output.splitlines()[1].startswith(f"{altered}: trace t-1, 8 events: BROKEN: event 2: its content")


@pytest.mark.parametrize("arguments", [(SEALED,), (OPEN, "--public-key", KEY), (SEALED, OPEN, "--public-key", KEY)])
def test_what_nobody_vouches_for_is_not_proven(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 3
    assert "NOT PROVEN" in result.output


@pytest.mark.parametrize("content", [b"", b"  \n", b"{", b"[]", b"\xff", b'{"a":1}}'])
def test_what_cannot_be_read_is_told_apart(tmp_path: Path, content: bytes, altered: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    result = run(str(path), altered, "--public-key", KEY)

    assert result.exit_code == 65
    assert f"{path}: document" in result.stderr
    assert "event 2" in result.stdout


def test_json_lines_are_read_document_by_document(tmp_path: Path, altered: str) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text("".join(json.dumps(json.loads(Path(name).read_text())) + "\n" for name in (SEALED, altered, OPEN)))
    result = run(str(path), "--json", "--public-key", KEY)
    answers = [json.loads(line) for line in result.stdout.splitlines()]

    assert [answer["result"] for answer in answers] == ["intact", "broken", "not_proven"]
    assert answers[1]["findings"][0] == {
        "kind": "event_altered",
        "place": "event 2",
        "message": "its content does not have the hash that belongs to it",
        "seq": 2,
        "index": 1,
        "event_id": "e-2",
    }


def test_standard_input_is_read_too() -> None:
    result = run("-", "--public-key", KEY, stdin=Path(SEALED).read_bytes())

    assert result.exit_code == 0


def test_a_checkpoint_has_to_be_contained(tmp_path: Path) -> None:
    assert run(SEALED, "--public-key", KEY, "--checkpoint", CHECKPOINT).exit_code == 0
    alone = run(OPEN, "--public-key", KEY, "--checkpoint", CHECKPOINT)

    assert alone.exit_code == 3
    assert "belongs to none of these documents" in alone.stderr


def test_the_command_needs_neither_the_web_framework_nor_the_engine() -> None:
    unwanted = "{'fastapi', 'starlette', 'docker', 'openai'} & sys.modules.keys()"
    code = f"import sys, app.cli.verify; sys.exit(' '.join({unwanted}) or None)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")
