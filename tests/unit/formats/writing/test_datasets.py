"""Folders as the package ``datasets`` loads them, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.formats.writing.base import Writer
from app.formats.writing.registry import WRITERS
from tests.unit.formats.writing.sessions import a_claim, a_finalized, a_sample, a_session_of, written

_LOAD = """
import json, sys
from datasets import load_dataset
found = load_dataset(sys.argv[1], data_files={"train": sys.argv[2]}, cache_dir=sys.argv[3])["train"]
print(json.dumps({"rows": len(found), "columns": found.column_names}))
"""
pytestmark = pytest.mark.skipif(find_spec("datasets") is None, reason="needs the package datasets")


@pytest.mark.parametrize("writer", [writer for writer in WRITERS if writer.tables], ids=lambda writer: writer.name)
def test_every_table_loads(tmp_path: Path, writer: Writer) -> None:
    sessions = [
        a_session_of(a_finalized("a", claims=(a_claim("e3"), a_claim("e4", "refuted", kind="command")))),
        a_session_of(a_finalized("b", "not_fixed", score=None, task=None, session=None)),
        a_session_of(a_sample("thoughtful-fix")),
    ]
    for path, content in written(writer, *sessions).files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)

    for pattern in writer.tables.values():
        kind = "parquet" if pattern.endswith(".parquet") else "json"
        arguments = [kind, str(tmp_path / pattern.format(split="train")), str(tmp_path / "cache")]
        ran = subprocess.run([sys.executable, "-c", _LOAD, *arguments], capture_output=True, text=True, timeout=300)

        assert ran.returncode == 0, ran.stderr
        loaded = json.loads(ran.stdout.splitlines()[-1])
        assert loaded["rows"] > 0
        assert set(writer.fields) <= set(loaded["columns"])
