"""``python -m benchmarks.corpus``: every case of a folder through the verifier, compared with what is expected of it.

``--make`` first makes cases from the source distributions of packages on an index (``packages.toml``), with expectations from
plain runs of pytest.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from app.models.qa import Verification
from app.models.trace import Repo, Trace
from app.qa.frameworks.pytest_framework import PRELOAD
from app.qa.investigation import Effort
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import DEFAULT_IMAGE, SandboxProfile
from app.qa.verify import Verifier
from app.qa.workspaces import Workspaces, trees_to_test
from app.utils.clock import utc_now
from benchmarks.corpus.bare import bare_run
from benchmarks.corpus.cases import KINDS, Case, load_cases
from benchmarks.corpus.make import make_cases


@dataclass(frozen=True)
class Row:
    """One case, judged."""

    case: Case
    verification: Verification
    seconds: float
    bare_s: float
    differences: dict[str, list[str]]

    @property
    def agrees(self) -> bool:
        """Whether every test did what it does in a plain run."""
        return not any(self.differences.values())


def main() -> int:
    """Run the corpus. Returns 0 where all cases agree."""
    asked = _parser().parse_args()
    if asked.make:
        asked.folder.mkdir(parents=True, exist_ok=True)
        for line in make_cases(asked.folder, asked.image, asked.index or _default_index(), frozenset(asked.only)):
            print(line, flush=True)
    rows = []
    print("| case | tests | F→P | verdict | agrees | bare run s | verification s | ÷ bare |\n|---|---|---|---|---|---|---|---|")
    sandbox = DockerSandbox(SandboxProfile(owner=f"corpus-{uuid.uuid4().hex}", image=asked.image), warm=2, preload=PRELOAD)
    sandbox.prepare()
    try:
        for case in load_cases(asked.folder):
            if not asked.only or any(case.name.startswith(name) for name in asked.only):
                rows.append(_judge(case, sandbox, asked))
                print(_line(rows[-1]), flush=True)
    finally:
        sandbox.close()
    agreeing = sum(row.agrees for row in rows)
    print(f"\n{agreeing} of {len(rows)} cases agree with the plain runs, test by test.")
    if asked.json:
        asked.json.write_text(json.dumps([_as_json(row) for row in rows], indent=1))
    return 0 if agreeing == len(rows) else 1


def _judge(case: Case, sandbox: DockerSandbox, asked: argparse.Namespace) -> Row:
    spaces = Workspaces(base=case.base, final=case.final, tests=case.tests, origin="the corpus")
    trace = _trace(case)
    began = time.monotonic()
    found = Verifier(sandbox, utc_now, Effort(reruns=asked.reruns)).verify(trace, spaces, case.test_command, lambda _: None)
    seconds = time.monotonic() - began
    bare_s = bare_run(asked.image, trees_to_test(trace, spaces).after, case.test_command).seconds
    differences = {}
    for kind in KINDS:
        expected, seen = getattr(case.expected, kind), set(getattr(found, kind))
        differences[kind] = sorted(expected ^ seen)
    return Row(case, found, seconds, bare_s, differences)


def _trace(case: Case) -> Trace:
    return Trace(
        trace_id="corpus",
        developer_id="corpus",
        start_time=utc_now(),
        repo=Repo(name=case.name, url="https://example.invalid/corpus", branch="main", commit_before="0" * 40,
                  test_command=case.test_command),
        created_at=utc_now(),
        request_sha256="0" * 64,
    )  # fmt: skip


def _line(row: Row) -> str:
    different = sum(map(len, row.differences.values()))
    agrees = "yes" if row.agrees else f"no: {different} tests differ"
    cells = (
        row.case.title,
        row.case.expected.count,
        len(row.case.expected.fail_to_pass),
        f"`{row.verification.verdict}`",
        agrees,
        f"{row.bare_s:.1f}",
        f"{row.seconds:.1f}",
        f"{row.seconds / row.bare_s:.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _as_json(row: Row) -> dict[str, object]:
    found = row.verification
    return {
        "case": row.case.name,
        "tests": row.case.expected.count,
        "verdict": found.verdict,
        "reason": found.reason,
        "flaky": [test.test for test in found.flaky],
        "differences": {kind: names[:20] for kind, names in row.differences.items() if names},
        "bare_s": round(row.bare_s, 2),
        "verification_s": round(row.seconds, 2),
    }


def _default_index() -> str:
    """The index that pip has by default."""
    from pip._internal.models.index import PyPI

    return str(PyPI.simple_url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the cases are")
    parser.add_argument("only", nargs="*", help="names of packages, or beginnings of names of cases [all]")
    parser.add_argument("--make", action="store_true", help="make the cases of packages.toml that are not there yet")
    parser.add_argument("--index", help="a package index [pip's own]")
    parser.add_argument("--image", default=DEFAULT_IMAGE, help="the runner image")
    parser.add_argument("--reruns", type=int, default=1, help="how often the tests that decide are run again [1]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
