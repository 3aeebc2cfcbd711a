"""F23, F25: whether somebody else could do it all again."""

from __future__ import annotations

from typing import Any

import pytest

from app.qa.judge.features.reproducing import is_interactive
from tests.unit.qa.judge.sessions import FAILS, NEW_TEST, PINNED, Draft, diff, edit, good_session, measure, ran, thought

SHORT = "@@ -1,2 +1,1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    "command",
    ["vim a.py", "less a.py", "cat a.py | less", "python", "python3.11 -i", "ipython", "node", "bash", "git rebase -i HEAD~3",
     "git add -p",
     "pytest --pdb", "python -m pdb a.py", "docker run -it x", "tail -f log", "top", "FOO=1 vim a.py", "cd a && nano b"],
)  # fmt: skip
def test_some_commands_wait_for_somebody(command: str) -> None:
    assert is_interactive(command)


@pytest.mark.parametrize(
    "command",
    ["pytest", "python a.py", "python -c 'print(1)'", "echo 1 | python", "python - <<'EOF'\nprint(1)\nEOF",
     "bash <<EOF\nls\nEOF", "node -e 1",
     "git log -p", "git rebase main", "docker run x", "tail -5 log", "grep -n vim a.py", "git commit -m 'vim'", "bash run.sh",
     "python < a.py"],
)  # fmt: skip
def test_others_do_not(command: str) -> None:
    assert not is_interactive(command)


CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F23", [FAILS, edit()], 1.0),
    ("F23", [FAILS, ran("pytest", None)], 0.5),
    ("F23", [FAILS, ran("vim a.py")], 0.5),
    ("F23", [FAILS, ran("cat ~/x")], 0.5),
    ("F23", [FAILS, ran("cd ~")], 0.5),
    ("F23", [FAILS, ran("ls $HOME")], 0.5),
    ("F23", [FAILS, ran("ls /home/ann/x")], 0.5),
    ("F23", [FAILS, ran("ls /Users/ann/x")], 0.5),
    ("F23", [FAILS, ran(r"dir C:\work")], 0.5),
    ("F23", [FAILS, ran("git diff HEAD~1 && awk '$1 ~ /x/' a && curl http://a.example/home/x && sed 's:/a:/b:' c")], 1.0),
    ("F23", [FAILS, edit(diff=SHORT)], 0.5),
    ("F23", [edit(), edit(diff=SHORT)], 0.5),
    ("F23", [edit(diff="")], 0.0),
    ("F23", [edit(diff="nonsense")], 0.0),
    ("F23", [ran("pytest", None), edit(), edit(diff=SHORT)], 0.25),
    ("F23", [thought("Hm.")], None),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


def test_an_edit_that_is_told_by_its_result_is_whole() -> None:
    told = edit(diff="")
    told["data"]["snapshot_after"] = "x = 1\n"

    assert measure("F23", [told]).value == 1.0


@pytest.mark.parametrize("planted", [ran("pytest", None), ran("vim a.py"), edit(diff=diff(["a"], ["b"]) + "-c\n")])
def test_what_is_planted_in_a_good_session_is_found(planted: Draft) -> None:
    part = measure("F23", [*good_session(), planted])

    assert measure("F23", good_session()).value == 1.0
    assert part.value is not None
    assert part.value < 1.0
    assert part.events == ("id-11",)


@pytest.mark.parametrize(
    ("more", "value"),
    [
        ({}, 1.0),
        ({"repo": {}}, 0.0),
        ({"repo": {"name": "stats"}}, 0.25),
        ({"repo": {**PINNED, "name": None}}, 1.0),
        ({"repo": {**PINNED, "name": None, "url": None}}, 0.75),
        ({"repo": {**PINNED, "commit_before": "main"}}, 0.75),
        ({"repo": {**PINNED, "commit_before": None}}, 0.75),
        ({"repo": {**PINNED, "test_command": None}}, 0.75),
        ({"repo": {**PINNED, "commit_after": "unknown"}}, 0.75),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"final_workspace": "final_workspace"}}, 1.0),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"final.patch": "patch"}}, 1.0),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"what-i-did": "patch"}}, 1.0),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"patch-notes.txt": "file"}}, 0.75),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"gold.patch": "gold_patch", "a.diff": "file"}}, 0.75),
        ({"repo": {**PINNED, "commit_after": None}, "artifacts": {"workspace": "workspace", "tests": "tests"}}, 0.75),
    ],
)
def test_a_session_is_pinned_by_four_facts(more: dict[str, Any], value: float) -> None:
    kept = {"sha256": "0" * 64, "size_bytes": 1, "media_type": "x/y"}
    artifacts = {"artifacts": {name: {**kept, "kind": kind} for name, kind in more.get("artifacts", {}).items()}}

    assert measure("F25", [edit("tests/test_a.py", NEW_TEST)], **{**more, **artifacts}).value == value
