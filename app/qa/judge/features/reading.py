"""From the events of a trace to a ``Session``, in one walk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from app.models.events import CodeEdit, Commit, Event, FileOpen, ReasoningStep, ReasoningStepData, TerminalCommand, TestResult
from app.qa.judge.features.changes import Change, is_scratch_name, kind_of_file, read_diff
from app.qa.judge.features.commands import read_command, test_selection
from app.qa.judge.features.cues import english_cues_apply, success_claims
from app.qa.judge.features.session import Edit, EditKind, Reading, Result, Session, Step
from app.qa.judge.features.terms import MAX_TEXT_CHARACTERS, Terms, find_terms, find_words
from app.utils.text import head_and_tail

GROUNDING_WORDS = 2
"""So many shared sub-words ground a step; one shared salient token does, too."""
MAX_TAIL_PARTS = 12

_NOT_WORD = re.compile(r"[\W_]+")
_FAILED = re.compile(r"\b([1-9]\d*) (?:failed|failing|failures?|errors?)\b", re.IGNORECASE)
_PASSED = re.compile(r"\b([1-9]\d*) (?:passed|passing)\b", re.IGNORECASE)
_TRACEBACK = "Traceback (most recent call last)"
# possessive, and only from the start of a run: a long run of such characters is walked once
_PLACE = re.compile(r"(?<![\w./\\-])([\w./\\-]{3,300}+)(?=:\d|\(\d|\", line \d)")


def event_name(event: Event, position: int) -> str:
    """The id that evidence names an event by: its own, or its place where it has none."""
    return event.event_id or f"#{position + 1}"


def read_session(events: Sequence[Event]) -> Session:
    """The session that the events tell of."""
    walk = _Walk(_last_mentions(events))
    for position, event in enumerate(events):
        walk.take(position, event_name(event, position), event)
    return Session(
        length=len(events),
        steps=tuple(walk.steps),
        results=tuple(walk.results),
        openings=tuple(walk.openings),
        read_commands=tuple(walk.read_commands),
        edits=tuple(walk.edits),
        first_other=walk.first_other,
        cues_apply=english_cues_apply(step.text for step in walk.steps),
    )


class _Walk:
    def __init__(self, last_mentions: dict[str, int]) -> None:
        self._last_mentions = last_mentions
        self._seen_tokens: set[str] = set()
        self._seen_words: set[str] = set()
        self._told: set[str] = set()
        self._places: set[str] = set()
        self._kinds: dict[str, EditKind] = {}
        self._awaits_result: int | None = None
        self.steps: list[Step] = []
        self.results: list[Result] = []
        self.openings: list[Reading] = []
        self.read_commands: list[Reading] = []
        self.edits: list[Edit] = []
        self.first_other: int | None = None

    def take(self, position: int, name: str, event: Event) -> None:
        if isinstance(event, ReasoningStep):
            self._take_step(position, name, event.data)
            return
        if self.first_other is None:
            self.first_other = position
        if isinstance(event, CodeEdit):
            self._take_edit(position, name, event)
        elif isinstance(event, TerminalCommand):
            self._take_command(position, name, event)
        elif isinstance(event, TestResult):
            self._take_test_result(position, name, event)
        elif isinstance(event, FileOpen):
            self.openings.append(Reading(position, name, event.data.file_path))
            self._places.add(event.data.file_path)
            self._see(find_terms(event.data.file_path))
        elif isinstance(event, Commit):
            self._see(find_terms(f"{event.data.sha} {event.data.message}"))

    def _see(self, terms: Terms) -> None:
        self._seen_tokens |= terms.tokens
        self._seen_words |= terms.sub_words

    def _take_step(self, position: int, name: str, data: ReasoningStepData) -> None:
        text = _text_of(data)
        key = _NOT_WORD.sub(" ", text.casefold()).strip()
        if not key or key in self._told:
            return
        self._told.add(key)
        terms, words = find_terms(text), find_words(text)
        seen_words = len(words & self._seen_words)
        stated = "\n".join(filter(None, (data.content, data.observation, data.decision)))
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
            )
        )

    def _take_edit(self, position: int, name: str, event: CodeEdit) -> None:
        path, change = event.data.file_path, read_diff(event.data.diff)
        first = path not in self._kinds
        if first:
            self._kinds[path] = self._edit_kind(path, change, position)
        base = path.rsplit("/", 1)[-1].lower()
        found = find_terms("\n".join((path, *change.added, *change.removed)))
        terms = Terms(found.tokens | {path.lower(), base}, found.sub_words)
        known = first and (path in self._places or not self._places.isdisjoint(_tails(path)))
        self.edits.append(Edit(position, name, path, self._kinds[path], change, terms, first, known))
        self._awaits_result = None
        self._see(terms)

    def _edit_kind(self, path: str, change: Change, position: int) -> EditKind:
        kind = kind_of_file(path)
        if kind != "source" or not change.creates:
            return kind
        run_later = self._last_mentions.get(path.rsplit("/", 1)[-1], -1) > position
        return "scratch" if is_scratch_name(path) or run_later else "source"

    def _take_command(self, position: int, name: str, event: TerminalCommand) -> None:
        data = event.data
        command = read_command(data.command)
        output = head_and_tail(data.output, MAX_TEXT_CHARACTERS)
        terms = find_terms(f"{head_and_tail(data.command, MAX_TEXT_CHARACTERS // 2)}\n{output}")
        self._awaits_result = None
        if command.kind == "read":
            self.read_commands.append(Reading(position, name, " ".join(command.words)))
            self._learn_places(command.words)
        elif command.kind in ("test", "probe"):
            failed = _has_failed(data.exit_code, output, is_test=command.kind == "test")
            tests = _count_tests(output) if command.kind == "test" else None
            self.results.append(Result(position, (name,), command.kind == "test", command.selection, failed, terms, tests))
            self._awaits_result = len(self.results) - 1 if command.kind == "test" else None
        self._learn_places(place[1] for place in _PLACE.finditer(output))
        self._see(terms)

    def _take_test_result(self, position: int, name: str, event: TestResult) -> None:
        data = event.data
        told = "\n".join((data.test_command, data.summary, *data.failed_tests))
        terms = find_terms(told)
        failed = not data.tests_passed or bool(data.failed_tests) or bool(data.num_failed)
        stated = (
            None if data.num_passed is None and data.num_failed is None else (data.num_passed or 0) + (data.num_failed or 0)
        )
        selection = _stated_selection(data.test_command, data.selection)
        result = Result(position, (name,), True, selection, failed, terms, stated)
        if self._awaits_result is None:
            self.results.append(result)
        else:
            self.results[self._awaits_result] = _merge(self.results[self._awaits_result], result)
            self._awaits_result = None
        self._learn_places(place[1] for place in _PLACE.finditer(head_and_tail(told, MAX_TEXT_CHARACTERS)))
        self._see(terms)

    def _learn_places(self, paths: Iterable[str]) -> None:
        for path in paths:
            if "." not in path:
                continue
            tidy = path.replace("\\", "/").removeprefix("./")
            self._places.add(tidy)
            if tidy.startswith("/"):
                self._places.update(_tails(tidy))


def _tails(path: str) -> set[str]:
    """The path and what is left of it when its first folders are taken away."""
    parts = path.split("/")[-MAX_TAIL_PARTS:]
    return {"/".join(parts[start:]) for start in range(len(parts))}


def _text_of(data: ReasoningStepData) -> str:
    parts = (data.content, data.plan, data.hypothesis, data.observation, data.decision, data.next_step)
    return "\n".join(part for part in parts if part and part.strip())


def _last_mentions(events: Sequence[Event]) -> dict[str, int]:
    """The last place where a command runs a file, by the file's name."""
    found: dict[str, int] = {}
    for position, event in enumerate(events):
        if isinstance(event, TerminalCommand):
            command = read_command(event.data.command)
            if command.kind in ("probe", "test"):
                found.update((word.rsplit("/", 1)[-1], position) for word in command.words)
    return found


def _has_failed(exit_code: int | None, output: str, *, is_test: bool) -> bool | None:
    """Whether a run failed. The exit code of a pipeline is its last command's, so that the output may know better."""
    if exit_code:
        return True
    if _TRACEBACK in output and not is_test:
        return True
    if is_test and _FAILED.search(output):
        return True
    if exit_code == 0:
        return False
    return False if is_test and _PASSED.search(output) else None


def _count_tests(output: str) -> int | None:
    found = [int(count) for pattern in (_FAILED, _PASSED) for count in pattern.findall(output)[-1:]]
    return sum(found) if found else None


def _stated_selection(command: str, selection: str | tuple[str, ...] | None) -> str:
    chosen = test_selection(command)
    named = " ".join((selection,) if isinstance(selection, str) else selection or ())
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
