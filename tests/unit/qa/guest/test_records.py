"""Who tells, and who does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

from app.qa.guest.records import teller


def test_a_forked_child_has_nothing_to_tell(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with told.open("wb") as file:
        tell = teller(file.fileno(), "key")
        tell("start", id="a")
        child = os.fork()
        if child == 0:
            tell("start", id="b")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        tell("end", status=0)

    records = [json.loads(line) for line in told.read_bytes().splitlines()]

    assert [(record["n"], record["kind"]) for record in records] == [(1, "start"), (2, "end")]
