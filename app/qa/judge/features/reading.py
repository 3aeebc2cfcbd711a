"""From the events of a trace to a ``Session``, in one walk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.models.events import (
    CodeEdit,
    CodeEditData,
    Commit,
    Event,
    FileClose,
    FileOpen,
    ReasoningStep,
    ReasoningStepData,
    TerminalCommand,
    TerminalCommandData,
    TestResult,
    TestResultData,
)
from app.models.trace import Trace
from app.qa.base import Evidence
from app.qa.judge.features.changes import is_scratch_name, kind_of_file, read_diff
from app.qa.judge.features.commands import MAX_COMMAND_CHARACTERS, Command, command_of, commits, read_line, test_selection
from app.qa.judge.features.cues import english_cues_apply, has_depth_cue, has_hypothesis_cue, success_claims
from app.qa.judge.features.dangers import dangers_of
from app.qa.judge.features.reproducing import waits
from app.qa.judge.features.session import Edit, Facts, Ran, Reading, Result, Session, Step
from app.qa.judge.features.terms import MAX_TEXT_CHARACTERS, Terms, find_terms, find_words
from app.rules.outputs import Counts, parse_counts
from app.utils.text import head_and_tail

GROUNDING_WORDS = 2
"""So many shared sub-words ground a step; one shared salient token does, too."""
MAX_TAIL_PARTS = 12

_COMMIT = re.compile(r"[0-9a-fA-F]{7,64}")
_NOT_WORD = re.compile(r"[\W_]+")
_FAILED = re.compile(r"\b([1-9][0-9]{0,9}) (?:failed|failing|failures?|errors?)\b", re.IGNORECASE)
_PASSED = re.compile(r"\b([1-9][0-9]{0,9}) (?:passed|passing)\b", re.IGNORECASE)
_END_STATES = frozenset({"final_workspace", "patch"})
"""Kinds of artifacts that hold what the session ended with. A name says nothing: `patch-notes.txt` is none."""
_TRACEBACK = "Traceback (most recent call last)"
# possessive, and only from the start of a run: a long run of such characters is walked once
_PLACE = re.compile(r"(?<![\w./\\-])([\w./\\-]{3,300}+)(?=:\d|\(\d|\", line \d)")


def event_name(event: Event, position: int) -> str:
    """The id that evidence names an event by: its own, or its place where it has none."""
    return event.event_id or f"#{position + 1}"


def session_of(evidence: Evidence) -> Session:
    """The session of a trace: its events without those that were refuted, and what it says of itself."""
    return read_session(evidence.trace.events, facts_of(evidence.trace), evidence.refuted)


def facts_of(trace: Trace) -> Facts:
    """What a trace says of itself apart from its events. A name such as ``main`` or ``unknown`` names no commit."""
    repo = trace.repo
    return Facts(
        repository=bool(repo.url or repo.name),
        start_commit=_is_commit(repo.commit_before),
        test_command=bool(repo.test_command),
        end_state=_is_commit(repo.commit_after) or any(ref.kind in _END_STATES for ref in trace.artifacts.values()),
    )


def read_session(
    events: Sequence[Event],
    facts: Facts = Facts(),  # noqa: B008 - a frozen value
    refuted: frozenset[str] = frozenset(),
) -> Session:
    """The session that the events tell of; those whose names are ``refuted`` count as if they were not there."""
    named = [(event_name(event, position), event) for position, event in enumerate(events)]
    recorded = tuple((name, event) for name, event in named if name not in refuted)
    walk = _Walk(frozenset(_base(event.data.file_path) for _, event in recorded if isinstance(event, CodeEdit)))
    for position, (name, event) in enumerate(recorded):
        walk.take(position, name, event)
    return Session(
        length=len(recorded),
        recorded=recorded,
        refuted=tuple(name for name, _ in named if name in refuted),
        facts=facts,
        steps=tuple(walk.steps),
        results=tuple(walk.results),
        openings=tuple(walk.openings),
        read_commands=tuple(walk.read_commands),
        edits=tuple(walk.settled_edits()),
        commands=tuple(walk.commands),
        commits=tuple(walk.commits),
        first_other=walk.first_other,
        cues_apply=english_cues_apply(step.text for step in walk.steps),
    )


class _Walk:
    def __init__(self, edited: frozenset[str]) -> None:
        """``edited`` are the names of the files that are edited at any time."""
        self._edited = edited
        self._last_runs: dict[str, int] = {}
        self._seen_tokens: set[str] = set()
        self._seen_words: set[str] = set()
        self._told: set[str] = set()
        self._named_files: set[str] = set()
        self._absolute_files: set[str] = set()
        self._known_paths: set[str] = set()
        self._awaits_result: int | None = None
        self.steps: list[Step] = []
        self.results: list[Result] = []
        self.openings: list[Reading] = []
        self.read_commands: list[Reading] = []
        self.edits: list[Edit] = []
        self.commands: list[Ran] = []
        self.commits: list[int] = []
        self.first_other: int | None = None

    def take(self, position: int, name: str, event: Event) -> None:
        if isinstance(event, ReasoningStep):
            self._take_step(position, name, event.data)
            return
        if self.first_other is None:
            self.first_other = position
        if isinstance(event, CodeEdit):
            self._take_edit(position, name, event.data)
        elif isinstance(event, TerminalCommand):
            self._take_command(position, name, event.data)
        elif isinstance(event, TestResult):
            self._take_test_result(position, name, event.data)
        elif isinstance(event, FileOpen):
            self.openings.append(Reading(position, name, event.data.file_path))
            self._named_files.add(event.data.file_path)
            self._see(find_terms(event.data.file_path))
        elif isinstance(event, FileClose):
            self._see(find_terms(event.data.file_path))
        elif isinstance(event, Commit):
            self.commits.append(position)
            self._see(find_terms("\n".join((event.data.sha, event.data.message, event.data.diff or ""))))

    def _see(self, terms: Terms) -> None:
        self._seen_tokens |= terms.tokens
        self._seen_words |= terms.sub_words

    def _take_step(self, position: int, name: str, data: ReasoningStepData) -> None:
        text = head_and_tail(_text_of(data), MAX_TEXT_CHARACTERS)
        key = _NOT_WORD.sub(" ", text.casefold()).strip()
        if not key or key in self._told:
            return
        self._told.add(key)
        terms, words = find_terms(text), find_words(text)
        seen_words = len(words & self._seen_words)
        stated = head_and_tail("\n".join(filter(None, (data.content, data.observation, data.decision))), MAX_TEXT_CHARACTERS)
        self.steps.append(
            Step(
                position=position,
                event=name,
                text=text,
                claims=success_claims(stated),
                terms=terms,
                words=words,
                grounded=not terms.tokens.isdisjoint(self._seen_tokens) or seen_words >= GROUNDING_WORDS,
                seen_words=seen_words,
                states_hypothesis=bool((data.hypothesis or "").strip()),
                suggests_cause=has_hypothesis_cue(text),
                looks_further=has_depth_cue(text),
            )
        )

    def _take_edit(self, position: int, name: str, data: CodeEditData) -> None:
        path, change = data.file_path, read_diff(data.diff)
        first = path not in self._known_paths
        self._known_paths.add(path)
        found = find_terms(f"{path}\n{data.diff}")
        terms = Terms(found.tokens | {path.lower(), _base(path).lower()}, found.sub_words)
        known, has_snapshot = first and self._knows(path), data.snapshot_after is not None
        self.edits.append(Edit(position, name, path, kind_of_file(path), change, terms, first, known, data.diff, has_snapshot))
        self._awaits_result = None
        self._see(terms)

    def _knows(self, path: str) -> bool:
        """Whether a file was opened or named: by its path, by what is left of it below a folder, or by an absolute path."""
        return path in self._absolute_files or not self._named_files.isdisjoint(_tails(path))

    def settled_edits(self) -> Iterator[Edit]:
        """The edits, once it is known which files were run: those of scratch files are told apart."""
        scratch = {edit.path for edit in self.edits if edit.is_first and self._is_scratch(edit)}
        return (replace(edit, kind="scratch") if edit.path in scratch else edit for edit in self.edits)

    def _is_scratch(self, edit: Edit) -> bool:
        if edit.kind != "source" or not edit.change.creates:
            return False
        return is_scratch_name(edit.path) or self._last_runs.get(_base(edit.path), -1) > edit.position

    def _take_command(self, position: int, name: str, data: TerminalCommandData) -> None:
        line = read_line(data.command)
        command = command_of(line)
        output = head_and_tail(data.output, MAX_TEXT_CHARACTERS)
        told = find_terms(output)
        self._awaits_result = None
        self.commands.append(
            Ran(position, name, data.command, command.kind, data.exit_code, data.cwd, dangers_of(line), waits(line))
        )
        if commits(line):
            self.commits.append(position)
        if command.kind == "read":
            self.read_commands.append(Reading(position, name, " ".join(command.words)))
            self._learn_files(part for word in command.words for part in (word, word.rpartition(":")[2]))
        elif command.kind in ("test", "probe"):
            self.results.append(_result(position, name, data, command, output, told))
            self._last_runs.update((base, position) for base in map(_base, command.words) if base in self._edited)
            self._awaits_result = len(self.results) - 1 if command.kind == "test" else None
        self._learn_files(place[1] for place in _PLACE.finditer(output) if "." in place[1])
        self._see(told)
        self._see(find_terms(head_and_tail(data.command, MAX_COMMAND_CHARACTERS)))

    def _take_test_result(self, position: int, name: str, data: TestResultData) -> None:
        told = head_and_tail("\n".join((data.summary, *data.failed_tests)), MAX_TEXT_CHARACTERS)
        terms = find_terms(told)
        failed = not data.tests_passed or bool(data.failed_tests) or bool(data.num_failed)
        counts = [count for count in (data.num_passed, data.num_failed) if count is not None]
        stated = sum(counts) if counts else None
        selection = _stated_selection(data.test_command, data.selection)
        result = Result(position, (name,), True, selection, failed, terms, stated)
        if self._awaits_result is None:
            self.results.append(result)
        else:
            self.results[self._awaits_result] = _merge(self.results[self._awaits_result], result)
            self._awaits_result = None
        self._learn_files(place[1] for place in _PLACE.finditer(told) if "." in place[1])
        self._see(terms)
        self._see(find_terms(head_and_tail(data.test_command, MAX_COMMAND_CHARACTERS)))

    def _learn_files(self, paths: Iterable[str]) -> None:
        for path in paths:
            tidy = path.replace("\\", "/").removeprefix("./")
            if tidy.startswith("/"):
                self._absolute_files |= _tails(tidy)
            elif tidy:
                self._named_files.add(tidy)


def _tails(path: str) -> set[str]:
    """The path and what is left of it when its first folders are taken away."""
    parts = path.split("/")[-MAX_TAIL_PARTS:]
    return {"/".join(parts[start:]) for start in range(len(parts))}


def _text_of(data: ReasoningStepData) -> str:
    parts = (data.content, data.plan, data.hypothesis, data.observation, data.decision, data.next_step)
    return "\n".join(part for part in parts if part and part.strip())


def _base(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _result(position: int, name: str, data: TerminalCommandData, command: Command, output: str, told: Terms) -> Result:
    is_test = command.kind == "test"
    return Result(
        position=position,
        events=(name,),
        is_test=is_test,
        selection=command.selection if is_test else " ".join(data.command[:MAX_COMMAND_CHARACTERS].split()),
        failed=_has_failed(data.exit_code, output, is_test=is_test),
        terms=told,
        tests=_count_tests(output) if is_test else None,
    )


def _is_commit(name: str | None) -> bool:
    return name is not None and _COMMIT.fullmatch(name) is not None


def _has_failed(exit_code: int | None, output: str, *, is_test: bool) -> bool | None:
    """Whether a run failed. The exit code of a pipeline is its last command's, so that the output may know better: of a test
    run, the summary at its end; any line of it only where there is neither a summary nor an exit code."""
    if exit_code:
        return True
    if not is_test:
        return True if _TRACEBACK in output else None if exit_code is None else False
    counts = _summary(output)
    if counts is not None:
        return bool(counts.failed or counts.errors)
    if exit_code == 0:
        return False
    return True if _FAILED.search(output) else False if _PASSED.search(output) else None


def _count_tests(output: str) -> int | None:
    counts = _summary(output)
    if counts is not None:
        return sum(count or 0 for count in (counts.passed, counts.failed, counts.errors))
    found = [int(count) for pattern in (_FAILED, _PASSED) for count in pattern.findall(output)[-1:]]
    return sum(found) if found else None


def _summary(output: str) -> Counts | None:
    """The counts that a runner's output ends with; ``None`` where it ends with none that can be read."""
    try:
        return parse_counts(output)
    except (ValueError, KeyError):  # a number too long to be one, or a word that only looks like one of theirs
        return None


def _stated_selection(command: str, selection: str | tuple[str, ...] | None) -> str:
    chosen = test_selection(command)
    named = " ".join((selection,) if isinstance(selection, str) else selection or ())[:MAX_COMMAND_CHARACTERS]
    return chosen if not named or named in chosen else f"{chosen} {named}"


def _merge(run: Result, told: Result) -> Result:
    return Result(
        position=run.position,
        events=run.events + told.events,
        is_test=True,
        selection=run.selection,
        failed=run.failed or told.failed,
        terms=Terms(run.terms.tokens | told.terms.tokens, run.terms.sub_words | told.terms.sub_words),
        tests=run.tests if told.tests is None else told.tests,
    )
