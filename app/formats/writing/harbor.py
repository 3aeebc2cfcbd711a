"""Harbor task folders: the workspace before the fix, the task in words, the tests that decided, and the fix that held.

One folder stands for one bug, made of the chosen trace with the highest score whose fix held. The reward of a task is what the
trace's own verification says: the trace's test command is run on the workspace with the tests that decided laid over it, and
every test has to pass that passed there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.formats.writing.base import (
    NO_VERIFIED_FIX,
    SAME_TASK,
    Chosen,
    Code,
    Context,
    File,
    Item,
    Needs,
    Options,
    OutputFile,
    Session,
    Tree,
    best_first,
    by_bug,
)
from app.formats.writing.pieces.facts import facts_of, task_text
from app.models.qa import Verification

WORKSPACE = "/app"
_TASK_PROGRAMS = Path(__file__).with_name("task")
_ORGANISATION = "pr-telemetry"
_SCHEMA_VERSION = "1.1"
_BUILD_TIMEOUT_S = 900
_PIECE_BYTES = 1 << 18
_MAX_SCREENED_BYTES = 16 * 1024 * 1024
_PYTEST = re.compile(r"(?:^|[\s/])(?:pytest|py\.test)(?:\s|$)")
_TEST_SH = f"""#!/bin/bash
# Writes the reward: 1 where every test that has to pass does, else 0.
mkdir -p /logs/verifier
echo 0 > /logs/verifier/reward.txt
if python3 "$(dirname "$0")/check.py" {WORKSPACE}; then
  echo 1 > /logs/verifier/reward.txt
fi
"""


class HarborWriter:
    """One task a folder."""

    name = "harbor"
    title = "one bug as a Harbor task folder, with the trace's own verification as its tests"
    needs = Needs(frozenset({"fixed"}), frozenset({"snapshots"}))
    is_lines = False
    tables: Mapping[str, str] = {}
    fields: Mapping[str, str] = {}

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        items, spare, without = [], 0, 0
        for group in by_bug(chosen):
            fixes = best_first([one for one in group if one.verdict == "fixed"])
            items += [Item((fixes[0],))] if fixes else []
            spare, without = (spare + len(group) - 1, without) if fixes else (spare, without + len(group))
        counts = {SAME_TASK: spare, NO_VERIFIED_FIX: without}
        context.tally.left_out.update({reason: count for reason, count in counts.items() if count})
        return items

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """See ``Writer``."""
        for item in items:
            session = context.load(item.first)
            code = session.code() if session is not None else None
            if session is None or code is None:
                continue
            reason = _obstacle(session, code)
            if reason is not None or not isinstance(code, Code):
                context.tally.losses.add("task", reason or "")
                continue
            context.tally.rows[split] += 1
            for file in _task(session, code, context.options):
                yield OutputFile(f"tasks/{split}/{item.first.trace_id}/{file.path}", file.chunks, file.executable)


def _obstacle(session: Session, code: Code | str) -> str | None:
    """Why there can be no task of a session."""
    if not isinstance(code, Code):
        return f"the code cannot be had: {code}"
    checked = _verification(session)
    if checked.test_command is None:
        return "no test command is known"
    if not _is_by_test(checked) and checked.fail_to_fail:
        return "its tests fail in part, and cannot be told apart outside of our own runner"
    trees = (code.base, code.tests)
    if any(_holds_secrets(file, session) for tree in trees for file in tree.files()):
        return "the workspace holds what looks like a secret"
    changed = (change.after.decode("utf-8", "replace") for change in code.changes if change.after is not None)
    return "the fix holds what looks like a secret" if any(map(session.has_secrets, changed)) else None


def _holds_secrets(file: File, session: Session) -> bool:
    """What is too large to be text that a person wrote, and what is no text, is not looked into."""
    if file.size_bytes > _MAX_SCREENED_BYTES:
        return False
    content = file.content.read(file.size_bytes)
    return b"\0" not in content and session.has_secrets(content.decode("utf-8", "replace"))


def _task(session: Session, code: Code, options: Options) -> Iterator[OutputFile]:
    yield _text("task.toml", _settings(session))
    yield _text("instruction.md", _instruction(session))
    yield _text("environment/Dockerfile", _dockerfile(session, options))
    yield from _tree("environment/workspace", code.base)
    yield _text("tests/test.sh", _TEST_SH, executable=True)
    for program in ("check.py", "outcomes.py"):
        yield _text(f"tests/{program}", (_TASK_PROGRAMS / program).read_text(encoding="utf-8"))
    yield _text("tests/expected.json", _expected(session, code))
    yield from _tree("tests/files", code.tests)
    yield _text("solution/solve.sh", _solution(code), executable=True)
    for change in code.changes:
        if change.after is not None and not change.is_test:
            yield OutputFile(f"solution/files/{change.path}", (change.after,), change.executable)


def _text(path: str, text: str, *, executable: bool = False) -> OutputFile:
    return OutputFile(path, (text.encode(),), executable)


def _tree(folder: str, tree: Tree) -> Iterator[OutputFile]:
    for file in tree.files():
        yield OutputFile(f"{folder}/{file.path}", _pieces(file), file.executable)


def _pieces(file: File) -> Iterator[bytes]:
    left = file.size_bytes
    while left > 0 and (piece := file.content.read(min(left, _PIECE_BYTES))):
        left -= len(piece)
        yield piece


def _settings(session: Session) -> str:
    """``task.toml``. A JSON string is a TOML string, and a list of them a TOML array."""
    trace, checked = session.trace, _verification(session)
    limits = checked.limits
    title = trace.task.title if trace.task is not None and trace.task.title else trace.trace_id
    name = f"{_ORGANISATION}/{trace.trace_id.replace('..', '_')}"
    facts = facts_of(session)
    timeout_s = max(60.0, 4 * limits.timeout_s) if limits is not None else 600.0
    sections: dict[str, dict[str, Any]] = {
        "task": {"name": name, "description": title, "keywords": ["debugging", *_languages(session)]},
        "metadata": {name: value for name, value in facts.items() if isinstance(value, str | int | float)},
        "verifier": {"timeout_sec": timeout_s},
        "environment": {
            "build_timeout_sec": float(_BUILD_TIMEOUT_S),
            **({"cpus": max(1, round(limits.cpus)), "memory_mb": limits.memory_bytes >> 20} if limits is not None else {}),
        },
    }
    lines = [f"schema_version = {_toml(_SCHEMA_VERSION)}"]
    for section, values in sections.items():
        lines += ["", f"[{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _languages(session: Session) -> list[str]:
    return [language.lang for language in session.trace.repo.language_stats]


def _toml(value: Any) -> str:
    # TOML takes no raw DEL in a string; JSON does
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _instruction(session: Session) -> str:
    place = f"The repository is in `{WORKSPACE}`. Mend the code; the tests are run again afterwards."
    return f"{task_text(session.trace)}\n\n{place}\n"


def _dockerfile(session: Session, options: Options) -> str:
    image = _verification(session).image
    base = options.base_image or (image.name if image is not None else "python:3.11-slim")
    # an image that was built for these requirements holds them already
    packages = session.trace.repo.requirements if options.base_image is not None else ()
    install = f"RUN python3 -m pip install --no-cache-dir {shlex.join(packages)}\n" if packages else ""
    return (
        f"# {WORKSPACE} is the workspace as it was before the session.\n"
        f"FROM {base}\nUSER root\n{install}WORKDIR {WORKSPACE}\nCOPY workspace/ {WORKSPACE}/\n"
    )


def _expected(session: Session, code: Code) -> str:
    checked = _verification(session)
    by_test = _is_by_test(checked)
    expected = {
        "test_command": checked.test_command,
        "by_test": by_test,
        "must_pass": sorted({*checked.fail_to_pass, *checked.pass_to_pass}) if by_test else [],
        "fail_to_pass": list(checked.fail_to_pass),
        "removed": sorted(change.path for change in code.test_changes if change.after is None),
    }
    return json.dumps(expected, ensure_ascii=False, indent=1) + "\n"


def _solution(code: Code) -> str:
    gone = [change.path for change in code.changes if change.after is None and not change.is_test]
    removals = "".join(f"rm -f -- {shlex.quote(f'{WORKSPACE}/{path}')}\n" for path in gone)
    has_files = any(change.after is not None and not change.is_test for change in code.changes)
    copies = f'cp -R "$(dirname "$0")/files/." {WORKSPACE}/\n' if has_files else ""
    return f"#!/bin/bash\n# The fix that held.\nset -euo pipefail\n{copies}{removals}"


def _is_by_test(checked: Verification) -> bool:
    """Whether pytest names the tests as the verification does."""
    return _PYTEST.search(checked.test_command or "") is not None and bool(checked.fail_to_pass)


def _verification(session: Session) -> Verification:
    assert session.trace.qa_results is not None  # noqa: S101 -- only finalized traces are chosen
    return session.trace.qa_results.verification
