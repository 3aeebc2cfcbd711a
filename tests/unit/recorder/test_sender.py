"""What is on the server is what was recorded: all of it, once, whatever happens on the way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from app import __version__
from app.models.recording import NewRecording
from app.recorder.link import Answer, UnreachableError
from app.recorder.recording import Recording, open_recording
from app.recorder.sender import Sender, Step
from tests.recording import ScriptedLink, a_recording, a_work_tree, events_of, git, write


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return a_recording(a_work_tree(tmp_path / "tree"), server="http://server", api_token="api")


def notes(recording: Recording, *texts: str) -> None:
    for text in texts:
        recording.tell({"type": "rationale_note", "freeform": text})


def send_all(recording: Recording, link: ScriptedLink) -> Step:
    sender = replace(recording.sender, make_link=link)
    while (step := sender.step()).kind == "went_on":
        pass
    return step


def ids(recording: Recording) -> list[str]:
    return [event["id"] for event in events_of(recording)]


def test_a_session_goes_over_in_order(recording: Recording) -> None:
    link = ScriptedLink()
    notes(recording, "one", "two")
    send_all(recording, link)
    notes(recording, "three")
    recording.stop()

    send_all(recording, link)

    assert [path.rpartition("/")[2] for path, _ in link.calls] == [
        "traces",
        "workspace",
        "events:ingest",
        "events:ingest",
        "final_workspace",
        "complete",
    ]
    assert link.event_ids == ids(recording)
    assert recording.folder.load_remote().is_complete


def test_the_servers_token_is_forgotten_once_the_session_has_begun(recording: Recording) -> None:
    send_all(recording, ScriptedLink())

    assert recording.folder.load_remote().api_token is None
    assert recording.folder.load_remote().upload_token == "u-1"
    assert recording.folder.remote_file.stat().st_mode & 0o777 == 0o600
    assert recording.folder.path.stat().st_mode & 0o777 == 0o700


def test_a_beginning_whose_answer_was_lost_is_said_again_word_for_word(recording: Recording) -> None:
    link = ScriptedLink([UnreachableError("it hung up")])
    assert send_all(recording, link).kind == "wait"
    ((_, said),) = link.calls
    link.begin(link.keys[0], said)  # as the server had heard it
    tree = recording.folder.root
    write(tree, "a.py", "mended\n")
    git(tree, "commit", "-qam", "mended")
    recording.stop()

    send_all(open_recording(recording.folder), link)

    assert [call for call in link.calls if call[0] == "/v1/traces"] == [("/v1/traces", said)] * 2
    assert link.keys[0] == link.keys[1] == f"{recording.session.session_id}-begin"
    assert list(link.begun.values()) == [said]
    assert recording.folder.load_remote().trace_id == "t-1"


def test_a_session_says_who_worked_on_what(recording: Recording) -> None:
    link = ScriptedLink()
    send_all(recording, link)

    _, said = link.calls[0]
    assert (said["role"], said["branch"]) == ("human_dev", "main")
    assert said["recorder"] == {"name": "pr-telemetry", "version": __version__}
    assert said["client_clock"]["start_unix_s"] == recording.session.started_at
    assert re.fullmatch(r"[+-]\d\d:\d\d", said["client_clock"]["tz"])
    assert "commit_after" not in said
    NewRecording.model_validate_json(json.dumps(said))


def test_a_session_that_is_over_says_with_which_commit(recording: Recording) -> None:
    tree = recording.folder.root
    write(tree, "a.py", "mended\n")
    git(tree, "commit", "-qam", "mended")
    recording.stop()
    link = ScriptedLink()

    send_all(recording, link)

    assert link.calls[0][1]["commit_after"] == git(tree, "rev-parse", "HEAD") != link.calls[0][1]["start_commit"]


def test_a_session_that_committed_nothing_names_no_commit(recording: Recording) -> None:
    recording.stop()
    link = ScriptedLink()

    send_all(recording, link)

    assert "commit_after" not in link.calls[0][1]


def test_a_trace_that_is_closed_already_takes_what_it_has(recording: Recording) -> None:
    closed = Answer(409, {"code": "trace_closed", "detail": "finalized"})
    recording.stop()
    link = ScriptedLink([Answer(200, {"trace_id": "t-1", "upload_token": "u-1"}), closed, closed])

    assert send_all(recording, link).kind == "nothing_to_do"
    assert recording.folder.load_remote().is_complete


def test_a_chunk_whose_answer_was_lost_is_sent_again_as_it_was(recording: Recording) -> None:
    link = ScriptedLink()
    send_all(recording, link)
    notes(recording, "one")
    plan = recording.plan.next_chunk(0)
    assert plan is not None
    link.post("/v1/traces/t-1/events:ingest", "u-1", recording.plan.render(plan))
    notes(recording, "two")

    send_all(open_recording(recording.folder), link)

    assert link.event_ids == ids(recording)
    assert len(link.chunks) == 2


@pytest.mark.parametrize(
    "failure",
    [
        UnreachableError("nobody"),
        Answer(503, {"detail": "later"}),
        Answer(500),
        Answer(429, {}),
        Answer(409, {"code": "busy"}),
        Answer(507, {"code": "storage_full"}),
        Answer(200, {"detail": "<html>please log in</html>"}),
    ],
)
def test_what_may_go_away_is_waited_for(recording: Recording, failure: Answer | UnreachableError) -> None:
    notes(recording, "one")

    step = send_all(recording, ScriptedLink([failure]))

    assert step.kind == "wait"
    assert recording.folder.load_remote().problem == step.problem
    link = ScriptedLink()
    assert send_all(recording, link).kind == "nothing_to_do"
    assert recording.folder.load_remote().problem is None
    assert link.event_ids == ids(recording)


def test_waits_grow_and_the_servers_own_word_counts(recording: Recording) -> None:
    def waits(answer: Answer, failures: int) -> float:
        return replace(recording.sender, make_link=ScriptedLink([answer])).step(failures).wait_s

    assert waits(Answer(503), 0) < waits(Answer(503), 3) < 31
    assert waits(Answer(503, retry_after_s=45), 0) == 45


@pytest.mark.parametrize(
    "refusal", [Answer(401, {"detail": "no"}), Answer(410, {"detail": "gone"}), Answer(422, {"detail": "x"})]
)
def test_what_does_not_go_away_is_told_and_nothing_is_sent_until_somebody_looks(recording: Recording, refusal: Answer) -> None:
    link = ScriptedLink([refusal])

    assert send_all(recording, link).kind == "blocked"
    assert send_all(recording, link).kind == "blocked"
    assert len(link.calls) == 1


def test_a_server_that_lost_chunks_gets_them_again(recording: Recording) -> None:
    before = ScriptedLink()
    for text in ("one", "two", "three"):
        notes(recording, text)
        send_all(recording, before)
    restored = ScriptedLink(chunks=dict(list(before.chunks.items())[:1]))
    notes(recording, "four")

    send_all(recording, restored)

    assert restored.event_ids == ids(recording)


def test_a_chunk_that_is_too_large_goes_over_in_parts(recording: Recording) -> None:
    link = ScriptedLink(largest_bytes=3000)
    notes(recording, *("x" * 900 for _ in range(8)))

    send_all(recording, link)

    assert link.event_ids == ids(recording)
    assert len(link.chunks) > 2


def test_an_event_that_is_too_large_goes_over_without_its_large_texts(recording: Recording, tmp_path: Path) -> None:
    write(tmp_path / "tree", "b.txt", "".join(f"{number}\n" for number in range(9000)))
    recording.capture.look()
    link = ScriptedLink(largest_bytes=6000)

    send_all(recording, link)

    ((event,),) = [chunk["events"] for chunk in link.chunks.values()]
    assert event["extra"]["cut"] == ["diff"]
    assert event["diff_unified"].endswith("Binary files a/b.txt and b/b.txt differ\n")
    assert event["buffer_hash_after"] == events_of(recording)[0]["buffer_hash_after"]


def test_a_tree_that_is_not_taken_does_not_hold_up_the_session(recording: Recording) -> None:
    link = ScriptedLink([Answer(200, {"trace_id": "t-1", "upload_token": "u-1"}), Answer(413, {"detail": "too large"})])
    notes(recording, "one")

    send_all(recording, link)

    assert link.event_ids == ids(recording)
    assert "workspace" in recording.folder.load_remote().warnings[0]


def test_without_consent_to_snapshots_no_tree_leaves_the_machine(tmp_path: Path) -> None:
    consent = {"rationales": True, "commands": True, "snapshots": False}
    recording = a_recording(a_work_tree(tmp_path / "tree"), server="http://server", consent=consent)
    link = ScriptedLink()
    recording.stop()

    send_all(recording, link)

    assert [path for path, _ in link.calls] == ["/v1/traces", "/v1/traces/t-1/complete"]
    assert link.calls[0][1]["consent"] == consent


def test_without_a_server_nothing_is_sent(tmp_path: Path) -> None:
    recording = a_recording(a_work_tree(tmp_path / "tree"))
    link = ScriptedLink()

    assert send_all(recording, link).kind == "nothing_to_do"
    assert link.calls == []
    assert isinstance(recording.sender, Sender)
