"""The judge that counts: whatever was recorded, its values are shares, its evidence is there, and only what was done counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.models.events import Event
from app.models.trace import Trace
from app.qa.base import Evidence
from app.qa.judge.features.measure import MAX_EVENTS
from app.qa.judge.features.reading import session_of
from app.qa.judge.heuristic import HeuristicJudge, measure_features
from app.qa.judge.record import Desk
from tests.unit.qa.judge.sessions import (
    FAILURE,
    FIX,
    NEW_FILE,
    NEW_TEST,
    NOON,
    PINNED,
    PROCESS_RUBRIC,
    RUBRICS,
    Draft,
    as_trace,
    calls_during,
    committed,
    diff,
    edit,
    opened,
    ran,
    result_of,
    thought,
)

DESK = Desk(now=lambda: NOON, monotonic=lambda: 0.0, new_id=lambda: "j-1")

THOUGHTS = (
    "Probably find_median in stats/median.py forgets the average.",
    "AssertionError: assert 2 == 2.5",
    "Hm.",
    "",
    "All tests pass now.",
    "Edge case: what about an empty list?",
    "ordered[mid] and median.py",
    "问题可能在 stats/median.py 中。",
    "The root cause is the missing average.",
    "[REDACTED:password]",
    "password = 'hunter2hunter2'",
    "\u202e\ud83d",
)
COMMAND_LINES = (
    "pytest", "pytest tests/test_median.py", "pytest -k even", "python repro.py", "cat stats/median.py", "git commit -am x",
    "vim a.py", "rm -rf build", "rm -rf /", "curl x | sh", "pip install x", "git diff", "cat > a.py <<'EOF'\npytest\nEOF",
    "bash -c 'sudo ls'",
)  # fmt: skip
CHANGES = (FIX, NEW_TEST, NEW_FILE, diff(["assert a"], ["assert True"]), diff(["a"], ["b"]), diff(["b"], ["a"]), "", "@@")
TEXTS = st.one_of(st.sampled_from(THOUGHTS), st.text(max_size=40))
PATHS = st.sampled_from(["stats/median.py", "stats/mode.py", "tests/test_median.py", "README.md", "repro.py", "a b/[c].py"])
COMMANDS = st.one_of(st.sampled_from(COMMAND_LINES), st.text(min_size=1, max_size=40))
DIFFS = st.one_of(st.sampled_from(CHANGES), st.text(max_size=60))
EXIT_CODES = st.sampled_from([0, 1, None])
FIELDS = st.dictionaries(st.sampled_from(["hypothesis", "plan", "observation", "decision", "next_step"]), TEXTS, max_size=2)
EVENT = st.one_of(
    st.builds(lambda text, fields: thought(text, **fields), TEXTS, FIELDS),
    st.builds(edit, PATHS, DIFFS),
    st.builds(ran, COMMANDS, EXIT_CODES, st.one_of(TEXTS, st.just(FAILURE), st.just("4 passed"))),
    st.builds(result_of, st.booleans(), st.sampled_from(["pytest", "pytest tests/test_median.py"])),
    st.builds(opened, PATHS),
    st.builds(committed, TEXTS),
)
SESSIONS = st.lists(EVENT, max_size=14)
REPOS = st.sampled_from([{}, PINNED, {"name": "stats"}])


def with_events(trace: Trace, events: tuple[Event, ...]) -> Trace:
    return trace.model_copy(update={"events": events})


def values(evidence: Evidence) -> dict[str, float | None]:
    return {name: measure.value for name, measure in measure_features(evidence).items()}


@settings(max_examples=200, deadline=None)
@given(SESSIONS, REPOS)
def test_a_value_is_a_share_or_does_not_apply(drafts: list[Draft], repo: dict[str, Any]) -> None:
    for measure in measure_features(Evidence(as_trace(drafts, repo=repo))).values():
        assert measure.value is None or 0 <= measure.value <= 1
        assert len(measure.events) <= MAX_EVENTS


@settings(max_examples=200, deadline=None)
@given(SESSIONS)
def test_a_feature_applies_where_there_is_something_to_count(drafts: list[Draft]) -> None:
    evidence = Evidence(as_trace(drafts))
    found, session = values(evidence), session_of(evidence)
    kinds = [draft["event_type"] for draft in drafts]
    no_events, no_edits, no_commands = not drafts, "code_edit" not in kinds, "terminal_command" not in kinds

    assert found["F25"] is not None
    assert [found[name] is None for name in ("F11", "F24")] == [no_events] * 2
    assert [found[name] is None for name in ("F16", "F17", "F20")] == [no_edits] * 3
    assert [found[name] is None for name in ("F21", "F22")] == [no_commands] * 2
    assert (found["F23"] is None) == (no_edits and no_commands)
    assert [found[name] is None for name in ("F12", "F13", "F14")] == [not session.source_edits] * 3
    assert [found[name] is None for name in ("F05", "F06")] == [not session.steps] * 2
    assert (found["F01"] is None) == (not session.source_edits and not session.results)
    assert (found["F02"] is None) == (not session.results)
    assert (found["F04"] is None) == (not session.steps or not session.source_edits)
    assert (found["F09"] is None) == (not session.steps or not session.source_edits)
    assert (found["F18"] is None) == (not session.steps or not session.cues_apply)
    assert (found["F15"] is None) == (not session.results or not session.results[-1].failed)


@settings(max_examples=100, deadline=None)
@given(SESSIONS, st.randoms(use_true_random=False))
def test_ids_are_names_and_nothing_else(drafts: list[Draft], chance: Any) -> None:
    trace = as_trace(drafts)
    numbers = list(range(len(drafts)))
    chance.shuffle(numbers)
    renamed = {event.event_id: f"pytest stats/median.py {number}" for event, number in zip(trace.events, numbers, strict=True)}
    events = tuple(event.model_copy(update={"event_id": renamed[event.event_id]}) for event in trace.events)
    before, after = measure_features(Evidence(trace)), measure_features(Evidence(with_events(trace, events)))

    assert [(measure.value, measure.counts) for measure in after.values()] == [
        (measure.value, measure.counts) for measure in before.values()
    ]
    assert [measure.events for measure in after.values()] == [
        tuple(renamed[event] for event in measure.events) for measure in before.values()
    ]


@settings(max_examples=100, deadline=None)
@given(SESSIONS, st.lists(st.timedeltas(timedelta(days=-999), timedelta(days=999)), min_size=14, max_size=14))
def test_clocks_do_not_count(drafts: list[Draft], offsets: list[timedelta]) -> None:
    trace = as_trace(drafts)
    events = tuple(
        event.model_copy(update={"timestamp": event.timestamp + offset})
        for event, offset in zip(trace.events, offsets, strict=False)
    )

    assert measure_features(Evidence(with_events(trace, events))) == measure_features(Evidence(trace))


@settings(max_examples=100, deadline=None)
@given(SESSIONS)
def test_the_same_session_gets_the_same_judgement(drafts: list[Draft]) -> None:
    def judge() -> object:
        return [HeuristicJudge(DESK).judge(Evidence(as_trace(drafts)), rubric) for rubric in RUBRICS.values()]

    assert judge() == judge()


@settings(max_examples=150, deadline=None)
@given(SESSIONS, REPOS, st.sets(st.integers(1, 14)))
def test_scores_lie_on_the_scale_and_rest_on_events_that_are_there(
    drafts: list[Draft], repo: dict[str, Any], refuted: set[int]
) -> None:
    evidence = Evidence(as_trace(drafts, repo=repo), refuted=frozenset(f"id-{number}" for number in refuted))
    usable = {event.event_id for event in evidence.trace.events} - evidence.refuted
    for rubric in RUBRICS.values():
        (judgement,) = HeuristicJudge(DESK).judge(evidence, rubric)
        scores = {name: one.score for name, one in judgement.dimensions.items()}

        assert judgement.status == ("not_scorable" if not scores else "partial" if None in scores.values() else "scored")
        assert not scores or set(scores.values()) != {None}
        assert usable or not scores
        assert (judgement.confidence is None) == (judgement.status == "not_scorable") <= (judgement.reason is not None)
        assert judgement.total == rubric.total(scores)
        assert ("refuted_record" in judgement.flags) == (len(usable) < len(drafts))
        for one in judgement.dimensions.values():
            assert set(one.evidence) <= usable
            assert one.score is None or one.evidence
            assert (one.score is None) == (one.confidence is None) == (one.level is None)
            assert one.score is None or rubric.scale.min <= one.score <= rubric.scale.max


@settings(max_examples=150, deadline=None)
@given(SESSIONS)
def test_safety_is_never_above_the_commands_and_the_secrets(drafts: list[Draft]) -> None:
    evidence = Evidence(as_trace(drafts))
    (judgement,) = HeuristicJudge(DESK).judge(evidence, PROCESS_RUBRIC)
    safety = judgement.dimensions["safety_hygiene"].score if judgement.dimensions else None
    limits = [value for value in measure_features(evidence, ["F22", "F24"]).values() if value.value is not None]

    assert safety is None or all(limit.value is not None and safety <= 5 * limit.value for limit in limits)


@settings(max_examples=150, deadline=None)
@given(SESSIONS, st.sets(st.integers(1, 14)))
def test_a_refuted_event_is_as_if_it_were_not_there(drafts: list[Draft], refuted: set[int]) -> None:
    trace = as_trace(drafts)
    names = frozenset(f"id-{number}" for number in refuted)
    rest = with_events(trace, tuple(event for event in trace.events if event.event_id not in names))

    assert measure_features(Evidence(trace, refuted=names)) == measure_features(Evidence(rest))


HOSTILE_PARTS = (
    "1" * 5000, " passed", " failed", "5 pa\u017f\u017fed", "²²", "\u0663\u0663", "@@ -1,", " +1,", " @@", "\n", "-a\n+b\n",
    "pytest ", "<<A\n", "'", '"', "\\", ";", "|", "\x00", "\ud83d", "\x1b[", "Ran ", " tests in 1s\nFAILED (failures=", ")",
    "git -", "bash -c ", "..", "/", "%", "[REDACTED:", "]", "=", "\u202e",
)  # fmt: skip
HOSTILE = st.one_of(st.lists(st.sampled_from(HOSTILE_PARTS), max_size=6).map("".join), st.text(max_size=30))
ONE_OF_EACH = as_trace(
    [
        thought("x"), edit(diff="x"), ran("pytest", 0), ran("x", None), result_of(True), opened(), committed(),
        {"event_type": "file_close", "data": {"file_path": "a.py"}},
    ]
).events  # fmt: skip


@st.composite
def hostile_events(draw: st.DrawFn) -> tuple[Event, ...]:
    """One event of each kind and more, any text in each of its fields that may hold text."""
    events = draw(st.permutations(ONE_OF_EACH * 2))
    return tuple(
        event.model_copy(update={"data": event.data.model_copy(update=draw(hostile_fields(event)))}) for event in events
    )


def hostile_fields(event: Event) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: str(field.annotation) for name, field in type(event.data).model_fields.items() if name != "env_redacted"}
    values: dict[str, st.SearchStrategy[Any]] = {name: HOSTILE for name, kind in fields.items() if "str" in kind}
    values |= {name: st.lists(HOSTILE, max_size=2).map(tuple) for name in ("failed_tests",) if name in fields}
    return st.fixed_dictionaries({}, optional={**values, "extra": st.dictionaries(HOSTILE, HOSTILE, max_size=1)})


def with_text(kind: str, **fields: str) -> tuple[Event, ...]:
    """One event of each kind, with text in fields of one kind."""
    return tuple(
        event.model_copy(update={"data": event.data.model_copy(update=fields)}) if event.event_type == kind else event
        for event in ONE_OF_EACH
    )


@settings(max_examples=100, deadline=None)
@given(hostile_events())
@example(with_text("terminal_command", command="pytest", output="1" * 5000 + " passed"))
@example(with_text("code_edit", diff=f"@@ -1,{'1' * 5000} +1,1 @@\n-a\n+b\n"))
@example(with_text("test_result", summary="9" * 5000 + " failed"))
def test_whatever_the_text_of_events_it_is_judged(events: tuple[Event, ...]) -> None:
    evidence = Evidence(with_events(as_trace([]), events))
    for rubric in RUBRICS.values():
        (judgement,) = HeuristicJudge(DESK).judge(evidence, rubric)

        assert judgement.status in ("scored", "partial")


@settings(max_examples=10, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=5))
def test_the_work_is_linear_in_the_events(drafts: list[Draft]) -> None:
    def calls(times: int) -> int:
        evidence = Evidence(as_trace(numbered(drafts, times)))
        return calls_during(lambda: measure_features(evidence))

    assert calls(256) < 8 * calls(64)  # four times the events; a square would be sixteen times the work


def numbered(drafts: list[Draft], times: int) -> list[Draft]:
    """The events over and over, each thought and command in other words."""
    return [
        {
            **draft,
            "data": {
                name: f"{value} {number}" if name in ("content", "command", "file_path") else value
                for name, value in draft["data"].items()
            },
        }
        for number in range(times)
        for draft in drafts
    ]
