"""``submit``: sessions and their trees, sent once however often they are sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.attachments import attachments_of, pack_folder
from app.cli.client import client_of
from app.cli.submit import command
from app.errors import InvalidError
from tests.builders import a_session, a_tar, a_thought


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def a_file(folder: Path, name: str = "t-1", **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(a_session(**{"trace_id": name, **more})))
    return path


def a_tree(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content)
    return folder


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_same_again_changes_nothing(server: str, tmp_path: Path) -> None:
    path = a_file(tmp_path, events=[a_thought()])
    a_tree(tmp_path / "t-1.workspace", a="1\n")

    first, second = run(path, "--server", server, "--json"), run(path, "--server", server, "--json")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [one["is_new"] for one in told(first) + told(second)] == [True, False]
    document = client_of(server).get("/traces/t-1")
    assert set(document["artifacts"]) == {"workspace"}
    assert document["revision"] == 2


def test_a_finalized_trace_is_sent_again_without_a_word_and_not_checked_twice(server: str, tmp_path: Path) -> None:
    path = a_file(tmp_path)
    a_tree(tmp_path / "t-1.workspace", a="1\n")

    first = run(path, "--server", server, "--finalize", "--json")
    second = run(path, "--server", server, "--finalize", "--json")

    assert (first.exit_code, second.exit_code) == (0, 0), second.output
    assert [one["finalized"] is None for one in told(first) + told(second)] == [False, True]
    assert client_of(server).get("/traces/t-1")["qa_history"] == []


def test_trees_lie_beside_the_document(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    (tmp_path / "t-1.final_workspace.tgz").write_bytes(a_tar({"a.py": "2"}))
    (tmp_path / "t-1.tests").mkdir()
    (tmp_path / "t-2.workspace").mkdir()
    (tmp_path / "tests").mkdir()

    found = attachments_of(path, {"workspace": tmp_path})

    assert {kind: tree.name for kind, tree in found.items()} == {
        "workspace": tmp_path.name, "final_workspace": "t-1.final_workspace.tgz", "tests": "t-1.tests",
    }  # fmt: skip


def test_two_trees_of_a_kind_are_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path)
    (tmp_path / "t-1.workspace").mkdir()
    (tmp_path / "t-1.workspace.tar").write_bytes(a_tar({}, gzipped=False))

    with pytest.raises(InvalidError, match=r"t-1\.workspace and t-1\.workspace\.tar"):
        attachments_of(path, {})


def test_archives_and_folders_are_uploaded_as_what_they_are(server: str, tmp_path: Path) -> None:
    path = a_file(tmp_path)
    (tmp_path / "before.tar").write_bytes(a_tar({"a.py": "1\n"}, gzipped=False))
    (tmp_path / "after.tar.gz").write_bytes(a_tar({"a.py": "2\n"}))
    tests = a_tree(tmp_path / "tests", test_a="def test_a(): pass\n")
    trees = ("--workspace", tmp_path / "before.tar", "--final-workspace", tmp_path / "after.tar.gz", "--tests", tests)

    result = run(path, *trees, "--server", server)

    assert result.output == f"{path}: t-1: stored, with workspace, final_workspace, tests\n"
    kept = client_of(server).get("/traces/t-1/artifacts")
    assert [kept[name]["media_type"] for name in ("workspace", "final_workspace", "tests")] == [
        "application/x-tar", "application/gzip", "application/gzip",
    ]  # fmt: skip


def test_one_bad_file_does_not_stop_the_others_and_all_its_faults_are_told(server: str, tmp_path: Path) -> None:
    a_file(tmp_path, "a", developer_id=7, start_time="then", colour="red", bug_id="")
    a_file(tmp_path, "b")
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.json").write_text("[]")
    a_file(tmp_path / "below", "e")

    result = run(tmp_path, "--server", server)

    assert result.exit_code == 1
    for fault in ("developer_id:", "start_time:", "colour:", "bug_id:"):
        assert f"\n  {fault}" in result.output
    assert "b: stored" in result.output
    assert "c.json: not submitted: it is no JSON document" in result.output
    assert "d.json: not submitted: it is no JSON object" in result.output
    assert "e: stored" in result.output


def test_json_names_every_fault(server: str, tmp_path: Path) -> None:
    path = a_file(tmp_path, developer_id=7, colour="red")

    result = run(path, "--server", server, "--json")

    assert result.exit_code == 65
    (one,) = told(result)
    assert [fault["loc"] for fault in one["problem"]["faults"]] == [["developer_id"], ["colour"]]


def test_files_within_a_tree_are_no_sessions(server: str, tmp_path: Path) -> None:
    a_file(tmp_path)
    a_file(tmp_path / "t-1.workspace", "inner")
    a_file(tmp_path / ".hidden", "hidden")

    assert [one["trace_id"] for one in told(run(tmp_path, "--server", server, "--json"))] == ["t-1"]


def test_a_document_without_an_id_is_stored_once(server: str, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({**a_session(), "trace_id": None}))

    sent = told(run(path, "--server", server, "--json")) + told(run(path, "--server", server, "--json"))

    assert sent[0]["trace_id"] == sent[1]["trace_id"]
    assert sent[0]["trace_id"].startswith("submitted-")
    assert [one["is_new"] for one in sent] == [True, False]


def test_an_id_that_is_taken_is_a_conflict(server: str, tmp_path: Path) -> None:
    run(a_file(tmp_path / "a"), "--server", server)

    result = run(a_file(tmp_path / "b", developer_id="another"), "--server", server)

    assert result.exit_code == 73
    assert "not submitted" in result.output


def test_another_tree_than_the_one_that_is_held_is_a_conflict(server: str, tmp_path: Path) -> None:
    path = a_file(tmp_path)
    run(path, "--workspace", a_tree(tmp_path / "one", a="1\n"), "--server", server)

    result = run(path, "--workspace", a_tree(tmp_path / "two", a="2\n"), "--server", server, "--json")

    assert result.exit_code == 73
    assert told(result)[0]["trace_id"] == "t-1"


@pytest.mark.parametrize(("address", "token", "code"), [("http://127.0.0.1:9", "x", 69), (None, "wrong", 77)])
def test_a_server_that_cannot_help_is_not_asked_for_every_file(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str | None, token: str, code: int
) -> None:
    monkeypatch.setenv("API_TOKEN", token)
    for name in "abc":
        a_file(tmp_path, name)

    result = run(tmp_path, "--server", address or server)

    assert result.exit_code == code
    assert result.output.count("not submitted") == 1
    assert "2 more files were not tried" in result.output


def test_a_document_that_is_too_large_does_not_stop_the_others(server: str, tmp_path: Path) -> None:
    a_file(tmp_path, "a", task={"description": "x" * 12_000_000})
    a_file(tmp_path, "b")

    first, second = told(result := run(tmp_path, "--server", server, "--json"))

    assert result.exit_code == 1
    assert first["problem"]["code"] == "too_large"
    assert second["is_new"]


def test_a_folder_without_documents_is_invalid(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path, "--server", "http://127.0.0.1:9").exception, InvalidError)
    assert run().exit_code == 2


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    import io

    archives = []
    for name in ("one", "two"):
        tree = a_tree(tmp_path / name, b="2\n", a="1\n")
        (tree / "run.sh").write_text("true\n")
        (tree / "run.sh").chmod(0o755)
        for left_out in (".git", "__pycache__", ".venv"):
            (tree / left_out).mkdir()
            (tree / left_out / "x").write_text(name)
        target = io.BytesIO()
        pack_folder(tree, target)
        archives.append(target.getvalue())

    assert archives[0] == archives[1]
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archives[0])) as archive:
        assert [(member.name, member.mode) for member in archive] == [("a.py", 0o644), ("b.py", 0o644), ("run.sh", 0o755)]


def test_a_folder_with_links_is_refused(server: str, tmp_path: Path) -> None:
    tree = a_tree(tmp_path / "tree", a="1\n")
    (tree / "link.py").symlink_to("a.py")

    result = run(a_file(tmp_path), "--workspace", tree, "--server", server)

    assert result.exit_code == 65
    assert "link.py" in result.output
