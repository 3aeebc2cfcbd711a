"""The ledger of claims: what one event says, compared with one thing that was found. Where a contradiction is nobody's lie
(what was redacted, what could not be collected here, what is skipped on another machine) the comparison says "not known".
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from app.models.events import CodeEditData, TerminalCommandData, TestResultData
from app.models.qa import TestOutcome, TestRun
from app.models.replay import Check, ClaimStatus
from app.rules.diffs import DiffError
from app.rules.outputs import Counts, failing_names, parse_counts, same_output
from app.rules.partial_runs import Part, as_part, part_of
from app.rules.patches import FilePatch, LostContentError, apply_patch
from app.rules.testnames import missing_names, unnamed_tests

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_FAILED: frozenset[TestOutcome] = frozenset({"failed", "error"})
_NAMES_SHOWN = 10
_LOST_CHARACTER = "\ufffd"
_REDACTED = "[REDACTED:"
_SHOWN_CHARACTERS = 400
_COMPARED_CHARACTERS = 1024 * 1024
_OTHER_ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16")


@dataclass(frozen=True)
class EditAttempt:
    """An edit, tried on one content of its file."""

    checks: tuple[Check, ...]
    fits: bool
    after: bytes | None = None
    problem: str | None = None
    """Why it does not fit."""
    is_lost: bool = False
    """The edit does not hold what the file became, so that nothing speaks against it."""

    @property
    def agrees(self) -> bool:
        """It fits, and nothing that the event says speaks against it."""
        return self.fits and all(check.agrees is not False for check in self.checks)

    def holds(self, what: str) -> bool | None:
        """Whether the event says this, and it is so; ``None`` where it says nothing."""
        return next((check.agrees for check in self.checks if check.what == what), None)

    @property
    def is_proven(self) -> bool:
        """A hash or a snapshot vouches for the content, not the diff alone."""
        return any(check.agrees for check in self.checks if check.what != "diff")


def sha256_of(content: bytes | None) -> str | None:
    """The hash of a file's content; ``None`` for a file that is not there."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def attempt_edit(before: bytes | None, data: CodeEditData, patch: FilePatch) -> EditAttempt:
    """Try an edit on a content of its file and compare everything that the event says of it."""
    checks = [] if data.hash_before is None else [_hash_check("hash_before", data.hash_before, before)]
    try:
        after = apply_patch(before, patch)
    except DiffError as error:
        lost = isinstance(error, LostContentError)
        checks.append(Check(what="diff", claimed="fits", found=str(error), agrees=None if lost else False))
        return EditAttempt(tuple(checks), fits=False, problem=str(error), is_lost=lost)
    checks.append(Check(what="diff", claimed="fits", found="fits", agrees=True))
    if data.hash_after is not None:
        checks.append(_hash_check("hash_after", data.hash_after, after))
    if data.snapshot_after is not None:
        checks.append(_snapshot_check(data, after))
    return EditAttempt(tuple(checks), fits=True, after=after)


def snapshot_bytes(data: CodeEditData) -> bytes | None:
    """The content that an edit brings along, if it can be believed: its hash is the one that the event claims."""
    if data.snapshot_after is None or "snapshot_after" in noted(data.extra, "redacted"):
        return None
    content = data.snapshot_after.encode("utf-8", "surrogateescape")
    return content if data.hash_after in (None, sha256_of(content)) else None


def excuse_of(data: CodeEditData) -> str | None:
    """Why an edit need not fit although nobody lied."""
    redacted = [name for name in noted(data.extra, "redacted") if name in ("diff", "snapshot_after")]
    if redacted:
        return f"secrets were replaced in its {' and '.join(redacted)}"
    if _LOST_CHARACTER in data.diff:
        return "its diff holds characters that could not be read when it was recorded"
    if "diff" in noted(data.extra, "unknown"):
        return "its source does not state the whole diff"
    return None


def noted(extra: dict[str, Any] | None, name: str) -> list[str]:
    """The field names that stand under a note of the server's, such as ``redacted``."""
    found = (extra or {}).get(name)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def check_test_result(data: TestResultData, run: TestRun) -> tuple[Check, ...]:
    """A test result beside a run of its command on the tree of its time."""
    counts, part = counts_of(run), part_of(data.test_command)
    summary = parse_counts(data.summary)
    passed = _passed(run)
    agrees = None if passed is None else data.tests_passed == passed
    checks = [Check(what="tests_passed", claimed=data.tests_passed, found=passed, agrees=agrees)]
    beside = summary or Counts()
    stated = Counts(passed=data.num_passed, failed=data.num_failed, skipped=beside.skipped, xpassed=beside.xpassed)
    checks += _count_checks({"num_passed": "passed", "num_failed": "failed"}, stated, counts)
    checks += _name_checks(data.failed_tests, data.num_failed, run, "failed_tests", is_part=part is not None)
    if summary is not None:
        checks += _count_checks({f"summary.{name}": name for name in ("passed", "failed", "errors")}, summary, counts)
    return _softened(checks, run, part)


def check_test_command(data: TerminalCommandData, run: TestRun) -> tuple[Check, ...]:
    """A test run in a terminal beside a run of the same command on the tree of its time."""
    checks = [] if data.exit_code is None else [_exit_check(data.exit_code, run.exit_code)]
    printed, part = parse_counts(data.output), part_of(data.command)
    if printed is not None:
        checks += _count_checks({f"output.{name}": name for name in ("passed", "failed", "errors")}, printed, counts_of(run))
        failed = printed.failed + (printed.errors or 0) if printed.failed is not None else None
        checks += _name_checks(failing_names(data.output), failed, run, "output.failed_tests", is_part=part is not None)
    return _softened(checks, run, part)


def check_command(data: TerminalCommandData, exit_code: int | None, output: str | None) -> tuple[Check, ...]:
    """Another command beside what it did now; ``None``: there was more output than was kept."""
    checks = [] if data.exit_code is None else [_exit_check(data.exit_code, exit_code)]
    if "output" in noted(data.extra, "withheld") or _REDACTED in data.output:
        return tuple(checks)
    is_long = output is None or max(len(output), len(data.output)) > _COMPARED_CHARACTERS
    agrees = None if output is None or is_long else same_output(data.output, output)
    found = None if output is None else output[:_SHOWN_CHARACTERS]
    return (*checks, Check(what="output", claimed=data.output[:_SHOWN_CHARACTERS], found=found, agrees=agrees))


def status_of(checks: Iterable[Check]) -> ClaimStatus:
    """What the comparisons come to: one contradiction refutes, and without any agreement nothing is confirmed."""
    found = {check.agrees for check in checks}
    return "refuted" if False in found else "confirmed" if True in found else "unverifiable"


def describe_checks(checks: Sequence[Check]) -> str:
    """The comparisons in words: what contradicts, or else what agrees."""
    wrong = [check for check in checks if check.agrees is False]
    if wrong:
        return "; ".join(f"{check.what} is {_shown(check.found)}, not {_shown(check.claimed)}" for check in wrong)
    return ", ".join(check.what for check in checks if check.agrees) or "it states nothing that can be compared"


def counts_of(run: TestRun) -> Counts | None:
    """What a run counted: by its report where there is one, by its own summary otherwise."""
    if not run.has_report:
        return parse_counts(run.output_snippet)
    outcomes = list(run.tests.values())
    return Counts(
        passed=outcomes.count("passed"),
        failed=outcomes.count("failed"),
        errors=outcomes.count("error") + len(run.collection_errors),
        skipped=outcomes.count("skipped"),
        xfailed=outcomes.count("xfailed"),
        xpassed=outcomes.count("xpassed"),
    )


def _hash_check(what: str, claimed: str, content: bytes | None) -> Check:
    found = sha256_of(content)
    # some recorders hash a file that is not there as an empty one
    agrees = claimed == (found or _EMPTY_SHA256)
    return Check(what=what, claimed=claimed, found=found, agrees=agrees)


def _snapshot_check(data: CodeEditData, after: bytes | None) -> Check:
    text = data.snapshot_after or ""
    agrees: bool | None = _same_text(text, after or b"")
    if not agrees and ("snapshot_after" in noted(data.extra, "redacted") or _LOST_CHARACTER in text):
        agrees = None
    claimed = sha256_of(text.encode("utf-8", "surrogateescape"))
    return Check(what="snapshot_after", claimed=claimed, found=sha256_of(after), agrees=agrees)


def _same_text(text: str, content: bytes) -> bool:
    """Whether a text is what an editor shows of a content: its line ends and its encoding are not part of it."""
    wanted = text.replace("\r\n", "\n")
    if content.decode("utf-8", "surrogateescape").replace("\r\n", "\n") == wanted:
        return True
    for encoding in _OTHER_ENCODINGS:
        try:
            if content.decode(encoding).replace("\r\n", "\n") == wanted:
                return True
        except UnicodeError:
            continue
    return False


def _exit_check(claimed: int, found: int | None) -> Check:
    return Check(what="exit_code", claimed=claimed, found=found, agrees=None if found is None else claimed == found)


def _count_checks(names: dict[str, str], claimed: Counts, found: Counts | None) -> list[Check]:
    checks = []
    for what, name in names.items():
        said = getattr(claimed, name)
        if said is not None:
            seen = getattr(found, name) if found is not None else None
            checks.append(Check(what=what, claimed=said, found=seen, agrees=_count_agrees(name, claimed, found)))
    return checks


def _count_agrees(name: str, claimed: Counts, found: Counts | None) -> bool | None:
    said = getattr(claimed, name)
    if found is None or getattr(found, name) is None:
        return None
    if said in _readings(name, claimed, found):
        return True
    # a test that runs on one machine may be skipped on another
    passed, skipped, said_skipped = found.passed or 0, found.skipped or 0, claimed.skipped or 0
    if name == "passed" and skipped != said_skipped and passed <= said + said_skipped <= passed + skipped:
        return None
    return False


def _readings(name: str, claimed: Counts, found: Counts) -> set[int]:
    """The numbers by which a runner, or whoever counts its words, may mean what was found."""
    passed, failed, errors = found.passed or 0, found.failed or 0, found.errors or 0
    if name == "passed":
        # an unexpected pass is a pass to some, and a test whose clean-up fails is counted twice
        return {passed, passed + (found.xpassed or 0), passed - (claimed.xpassed or 0), passed + errors}
    if name == "failed":
        return {failed, failed + errors}
    return {errors}


def _name_checks(names: Sequence[str], number: int | None, run: TestRun, what: str, *, is_part: bool) -> list[Check]:
    if not names:
        return []
    failing = _failing(run)
    shown: list[JsonValue] = [*names[:_NAMES_SHOWN]]
    if failing is None or any(_REDACTED in name for name in names):
        return [Check(what=what, claimed=shown, found=None, agrees=None)]
    is_whole = not is_part and (number is None or number <= len(names))
    agrees = not missing_names(names, failing) and not (is_whole and unnamed_tests(names, failing))
    return [Check(what=what, claimed=shown, found=[*failing[:_NAMES_SHOWN]], agrees=agrees)]


def _passed(run: TestRun) -> bool | None:
    """Whether the run ended as runs do whose tests pass."""
    if run.exit_code is not None:
        return run.exit_code == 0
    return not _failing(run) if run.has_report else None


def _failing(run: TestRun) -> list[str] | None:
    """The tests that failed, and the files that could not be collected; ``None`` where the run does not tell."""
    if run.has_report:
        return [*(name for name, outcome in sorted(run.tests.items()) if outcome in _FAILED), *run.collection_errors]
    names = failing_names(run.output_snippet)
    return list(names) if names or run.exit_code == 0 else None


def _softened(checks: Sequence[Check], run: TestRun, part: Part | None) -> tuple[Check, ...]:
    """What the command left out, and files that could not be collected here and may have been there: no contradiction rests on
    them."""
    if part is not None:
        checks = as_part(checks, part)
    if not run.collection_errors:
        return tuple(checks)
    return tuple(
        check.model_copy(update={"agrees": _both_fail(check) or None}) if check.agrees is False else check for check in checks
    )


def _both_fail(check: Check) -> bool:
    return check.what == "exit_code" and bool(check.claimed) and bool(check.found)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    if value is None:
        return "not there"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text[:12]}…" if len(text) == 64 and " " not in text else text if len(text) <= 80 else f"{text[:80]}…"
