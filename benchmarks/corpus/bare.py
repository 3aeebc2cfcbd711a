"""A plain run, as anybody would make it by hand: ``docker run`` of pytest on the tree, read by what it prints."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass

from app.qa.base import Tree

_LINE = re.compile(r"^(?:(PASSED|XPASS) (.+)|(FAILED|ERROR) (.+?)(?: - .*)?)$")
_OUTCOMES = {"PASSED": "passed", "XPASS": "passed", "FAILED": "failed", "ERROR": "failed"}
_SCRIPT = "tar -xf - -C /work --strip-components=1 && cd /work && exec {command} {options}"
_OPTIONS = "-o addopts= -q -rpfEX --tb=no --continue-on-collection-errors"


@dataclass(frozen=True)
class BareRun:
    """What came of it."""

    outcomes: Mapping[str, str]
    """``passed`` or ``failed`` by node id."""
    not_collected: frozenset[str]
    seconds: float
    """Of the whole call."""
    exit_code: int


def bare_run(image: str, tree: Tree, command: str, timeout_s: float = 900) -> BareRun:
    """Run the command on the tree, with the bounds that the sandbox has, but none of its checks."""
    packed = _packed(tree)
    began = time.monotonic()
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "-i", "--network", "none", "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--user", "1000:1000", "--memory", "2g", "--pids-limit", "256"),
            *("--tmpfs", "/work:rw,exec,uid=1000,gid=1000,size=512m", "--tmpfs", "/tmp:rw,mode=1777"),
            *("--tmpfs", "/home/runner:rw,uid=1000,gid=1000", "-e", "HOME=/home/runner", "-e", "PYTHONHASHSEED=0"),
            *("-e", "LANG=C.UTF-8", "-e", "TZ=UTC", "-e", "PYTHONPATH=/work:/work/src", "--entrypoint", "sh", image),
            *("-c", _SCRIPT.format(command=command, options=_OPTIONS)),
        ],
        input=packed,
        capture_output=True,
        check=False,
        timeout=timeout_s,
    )
    seconds = time.monotonic() - began
    outcomes, errors = read_summary(done.stdout.decode("utf-8", "replace"))
    return BareRun(outcomes, errors, seconds, done.returncode)


def read_summary(output: str) -> tuple[dict[str, str], frozenset[str]]:
    """Outcomes by node id, and the files that could not be collected, from pytest's own short summary."""
    outcomes: dict[str, str] = {}
    errors: set[str] = set()
    for line in output.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        word, name = [group for group in match.groups() if group is not None]
        if "::" not in name:
            errors.add(name)
        elif outcomes.get(name) != "failed":
            outcomes[name] = _OUTCOMES[word]
    return outcomes, frozenset(errors)


def _packed(tree: Tree) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in tree.files():
            info = tarfile.TarInfo(f"tree/{file.path}")
            info.size = file.size_bytes
            info.mode = 0o755 if file.executable else 0o644
            archive.addfile(info, io.BytesIO(file.content.read()))
    return buffer.getvalue()
