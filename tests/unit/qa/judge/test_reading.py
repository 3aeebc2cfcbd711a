"""From events to a session: what counts as what."""

from __future__ import annotations

from app.qa.judge.features.reading import event_name, read_session
from tests.unit.qa.judge.sessions import (
    FIX,
    NEW_FILE,
    NEW_TEST,
    PASSES,
    as_events,
    diff,
    edit,
    good_session,
    measure,
    ran,
    result_of,
    thought,
)


def test_a_measure_names_the_events_behind_it() -> None:
    assert measure("F01", good_session()).events == ("id-1",)
    assert measure("F13", good_session()).events == ("id-9",)
    assert measure("F12", good_session()).events == ("id-1", "id-6")


def test_a_command_and_the_result_after_it_are_one_run() -> None:
    session = read_session(
        as_events([ran("pytest", 1), thought("Hm."), result_of(False, num_failed=2), result_of(True), edit(), result_of(True)])
    )

    assert [run.events for run in session.results] == [("id-1", "id-3"), ("id-4",), ("id-6",)]
    assert session.results[0].tests == 2


def test_a_piped_test_run_fails_by_its_output() -> None:
    (run,) = read_session(as_events([ran("pytest | tail -1", 0, "1 failed, 3 passed")])).results

    assert run.failed is True


def test_a_run_without_exit_code_is_known_by_its_output_or_not_at_all() -> None:
    runs = read_session(
        as_events([ran("pytest", None, "3 passed"), ran("pytest", None, "…"), ran("python a.py", None)])
    ).results

    assert [run.failed for run in runs] == [False, None, None]


def test_scratch_files_are_no_source_edits() -> None:
    drafts = [
        edit("repro.py", NEW_FILE),
        edit("look.py", NEW_FILE),
        ran("python look.py"),
        edit("repro.py", diff(["x = 1"], ["x = 2"])),
        edit(),
    ]
    session = read_session(as_events(drafts))

    assert [one.kind for one in session.edits] == ["scratch", "scratch", "scratch", "source"]


def test_without_source_edits_test_edits_take_their_place() -> None:
    session = read_session(as_events([edit("README.md"), edit("tests/test_median.py", NEW_TEST)]))

    assert [one.path for one in session.source_edits] == ["tests/test_median.py"]


def test_a_repeated_thought_does_not_count() -> None:
    session = read_session(as_events([thought("Fix it!"), thought("fix   IT"), thought("  "), thought("Fix that.")]))

    assert [step.event for step in session.steps] == ["id-1", "id-4"]


def test_edits_without_a_result_between_are_one_episode() -> None:
    session = read_session(as_events([edit(), edit("b.py"), thought("x"), edit("c.py"), PASSES, edit(diff=FIX)]))

    assert [len(episode) for episode in session.episodes] == [3, 1]


def test_what_stands_below_a_command_line_is_no_command() -> None:
    session = read_session(as_events([ran("cat > a.py <<'EOF'\nimport pytest\nEOF\npytest tests", 1)]))

    assert [run.selection for run in session.results] == ["pytest tests"]


def test_refuted_events_are_as_if_they_were_not_there() -> None:
    session = read_session(
        as_events([ran("pytest", 1), edit(), ran("pytest"), result_of(True)]), refuted=frozenset({"id-2", "id-4"})
    )

    assert (session.length, session.refuted) == (2, ("id-2", "id-4"))
    assert [run.events for run in session.results] == [("id-1",), ("id-3",)]
    assert session.edits == ()


def test_an_event_without_an_id_is_named_by_its_place() -> None:
    events = tuple(event.model_copy(update={"event_id": None}) for event in as_events([edit(), PASSES]))
    session = read_session(events, refuted=frozenset({"#1"}))

    assert [event_name(event, place) for place, event in enumerate(events)] == ["#1", "#2"]
    assert [run.events for run in session.results] == [("#2",)]
