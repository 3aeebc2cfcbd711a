"""SWE-bench: one instance a bug, the attempts at it as predictions, and what the re-run showed of each as its report.

An instance is made of the chosen trace with the highest score whose fix held. Its change is split as the format wants it: what
is no test is ``patch``, what is one is ``test_patch``. For an attempt, all that is no test is the prediction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from app.formats.writing.base import (
    NO_VERIFIED_FIX,
    Chosen,
    Code,
    Context,
    Item,
    Needs,
    OutputFile,
    Session,
    Tally,
    best_first,
    by_bug,
)
from app.formats.writing.pieces.facts import facts_of
from app.formats.writing.pieces.lines import encode_row, line_files
from app.formats.writing.pieces.patches import render_patch
from app.models.qa import Verification

_GROUPS = {
    "FAIL_TO_PASS": ("fail_to_pass", "fail_to_fail"),
    "PASS_TO_PASS": ("pass_to_pass", "pass_to_fail"),
}
"""Each kind of test in a report: those that ended as they should, and those that did not."""
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class SweBenchWriter:
    """Instances, predictions and reports."""

    name = "swe-bench"
    title = "one bug as a SWE-bench instance, with a prediction and a report for each attempt"
    needs = Needs(frozenset({"fixed", "not_fixed", "regressed"}), frozenset({"snapshots"}))
    is_lines = False
    tables: Mapping[str, str] = {"default": "data/{split}-*.jsonl"}
    fields: Mapping[str, str] = {}

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        items = [Item(ordered) for attempts in by_bug(chosen) if (ordered := _fix_first(attempts))]
        used = sum(len(item.traces) for item in items)
        context.tally.left_out.update({NO_VERIFIED_FIX: len(chosen) - used} if len(chosen) > used else {})
        return items

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """See ``Writer``."""
        written: dict[str, str] = {}

        def instances(item: Item) -> Iterator[bytes]:
            session = context.load(item.first)
            instance = _instance(session, context.tally) if session is not None else None
            if instance is not None:
                context.tally.rows[split] += 1
                if instance["instance_id"] in written.values():
                    # one name for a bug at two commits: readers take an id for one instance
                    instance["instance_id"] += f"-{item.first.trace_id}"
                written[item.first.trace_id] = instance["instance_id"]
                yield encode_row(instance)

        yield from line_files(split, items, instances)
        for item in items:
            if item.first.trace_id in written:
                yield from _attempts(split, item, written[item.first.trace_id], context)


def _fix_first(attempts: Sequence[Chosen]) -> tuple[Chosen, ...]:
    """The attempts with the best fix at the beginning; none where no fix held."""
    best = best_first([one for one in attempts if one.verdict == "fixed"])[:1]
    return (*best, *(one for one in attempts if one not in best)) if best else ()


def _instance(session: Session, tally: Tally) -> dict[str, Any] | None:
    code, trace = session.code(), session.trace
    if not isinstance(code, Code):
        tally.losses.add("instance", f"the code cannot be had: {code}")
        return None
    patch = render_patch((change for change in code.changes if not change.is_test), tally)
    test_patch = render_patch(code.test_changes, tally)
    if session.has_secrets(patch + test_patch):
        tally.losses.add("instance", "it holds what looks like a secret")
        return None
    checked = _verification(session)
    repo = repository_name(trace.repo.url) or trace.repo.name or "unknown"
    return {
        "repo": repo,
        "instance_id": "-".join(
            _NOT_IN_A_NAME.sub("-", part) for part in (repo.replace("/", "__"), trace.bug_id or trace.trace_id)
        ),
        "base_commit": trace.repo.commit_before,
        "patch": patch,
        "test_patch": test_patch,
        "problem_statement": _problem(session),
        "hints_text": "",
        "created_at": trace.start_time.isoformat(),
        "version": "",
        "FAIL_TO_PASS": json.dumps(list(checked.fail_to_pass), ensure_ascii=False),
        "PASS_TO_PASS": json.dumps(list(checked.pass_to_pass), ensure_ascii=False),
        "environment_setup_commit": trace.repo.commit_before,
        "test_command": checked.test_command,
        "trace_id": trace.trace_id,
        "score": facts_of(session)["score"],
    }


def _attempts(split: str, item: Item, instance_id: str, context: Context) -> Iterator[OutputFile]:
    for one in item.traces:
        session = context.load(one)
        if session is None:
            continue
        code = session.code()
        changes = [change for change in code.changes if not change.is_test] if isinstance(code, Code) else []
        patch = render_patch(changes, context.tally)
        if not isinstance(code, Code) or session.has_secrets(patch):
            context.tally.losses.add("prediction", "its patch cannot be told, or holds what looks like a secret")
            continue
        facts = facts_of(session)
        model = facts["model"] or facts["agent"] or facts["role"] or "unknown"
        prediction = {"instance_id": instance_id, "model_name_or_path": model, "model_patch": patch}
        yield OutputFile(f"predictions/{split}/{one.trace_id}.jsonl", (encode_row(prediction),))
        report = json.dumps({instance_id: _report(_verification(session), bool(patch))}, ensure_ascii=False, indent=4)
        yield OutputFile(f"reports/{split}/{one.trace_id}/report.json", (report.encode() + b"\n",))


def _report(checked: Verification, has_patch: bool) -> dict[str, Any]:
    status = {
        name: {"success": list(getattr(checked, good)), "failure": list(getattr(checked, bad))}
        for name, (good, bad) in _GROUPS.items()
    }
    return {
        "patch_is_None": False,
        "patch_exists": has_patch,
        "patch_successfully_applied": has_patch,
        "resolved": checked.verdict == "fixed",
        "tests_status": {
            **status,
            "FAIL_TO_FAIL": {"success": [], "failure": []},
            "PASS_TO_FAIL": {"success": [], "failure": []},
        },
    }


def _verification(session: Session) -> Verification:
    assert session.trace.qa_results is not None  # noqa: S101 -- only finalized traces are chosen
    return session.trace.qa_results.verification


def _problem(session: Session) -> str:
    task = session.trace.task
    return "\n\n".join(filter(None, (task.title, task.description))) if task is not None else ""


def repository_name(url: str | None) -> str | None:
    """``owner/name`` of an address, whatever host it is on; ``None`` where the address tells none."""
    if url is None:
        return None
    path = urlsplit(url).path if "://" in url else url.rpartition(":")[2]
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    return "/".join(parts[-2:]) or None
