"""The rules of blame: which edit is refuted, and how the replay goes on."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from app.models.events import CodeEdit
from app.rules.edit_rulings import EditRuler, EditRuling, in_words, touched_paths
from app.rules.history import FileVersion, History, Mark, mark_of
from tests import replaying
from tests.builders import an_edit, events

V = [b"".join(b"%d\n" % (line + 100 * (line == at)) for line in range(12)) for at in (99, 1, 5, 9)]
"""Four contents of one file, each one line apart from the first."""


def sha(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def a_change(before: bytes | None, after: bytes | None, path: str = "a.py", **more: Any) -> dict[str, Any]:
    """An honest edit."""
    return replaying.a_change(path, before, after, **more)


def ruled(
    *edits: dict[str, Any], base: bytes | None = V[0], known: tuple[bytes, ...] = (), change_at: int | None = None
) -> list[EditRuling]:
    """What becomes of the edits of one session; ``change_at``: before this one, a command may have changed files."""
    history = History({} if base is None else {"a.py": FileVersion(base)}, known)
    ruler = EditRuler(history)
    rulings = []
    for index, event in enumerate(events(*edits)):
        assert isinstance(event, CodeEdit)
        if index == change_at:
            history.last_change = Mark(2 * index - 1, seq=99)
        rulings.append(ruler.rule(Mark(2 * index, seq=index + 1), event))
    return [in_words(ruling, ruler.late.get(2 * index)) for index, ruling in enumerate(rulings)]


def statuses(rulings: list[EditRuling]) -> str:
    return "".join(ruling.status[0] for ruling in rulings)


def test_an_honest_session_is_confirmed() -> None:
    edits = (a_change(V[0], V[1]), a_change(V[1], V[2]), a_change(V[2], None), a_change(None, V[3]))

    rulings = ruled(*edits)

    assert statuses(rulings) == "cccc"
    assert [ruling.sha256_after for ruling in rulings] == [sha(V[1]), sha(V[2]), None, sha(V[3])]
    assert {ruling.outcome for ruling in rulings} == {"applied"}


def test_of_a_dropped_edit_the_next_one_is_refuted_and_the_rest_confirmed() -> None:
    rulings = ruled(a_change(V[1], V[2]), a_change(V[2], V[0]), a_change(V[0], V[3]))

    # the second one ends at a content that is known, and with it everything before it can be told
    assert statuses(rulings) == "rcc"
    assert "hash_before" in rulings[0].reason


def test_what_rests_on_an_edit_that_does_not_fit_is_unverifiable() -> None:
    rulings = ruled(a_change(V[1], V[2]), a_change(V[2], V[3]))

    assert statuses(rulings) == "ru"
    assert "rests on event 1" in rulings[1].reason


@pytest.mark.parametrize("known", [V[1], V[2], V[3]])
def test_a_content_known_from_elsewhere_lets_the_replay_go_on(known: bytes) -> None:
    assert statuses(ruled(a_change(V[1], V[2]), a_change(V[2], V[3]), known=(known,))) == "rc"


def test_a_snapshot_lets_the_replay_go_on() -> None:
    rulings = ruled(a_change(V[1], V[2], snapshot_after=V[2].decode()), a_change(V[2], V[3]))

    assert statuses(rulings) == "rc"
    assert rulings[0].outcome == "picked_up"


def test_of_two_swapped_edits_the_one_that_came_too_early_is_refuted() -> None:
    rulings = ruled(a_change(V[1], V[2]), a_change(V[0], V[1]), a_change(V[2], V[3]))

    assert statuses(rulings) == "rcc"
    assert "it does fit after event 2" in rulings[0].reason
    assert rulings[2].sha256_after == sha(V[3])


@pytest.mark.parametrize("snapshots", [True, False])
def test_also_where_nothing_is_hashed_or_everything_brought_along(snapshots: bool) -> None:
    def change(before: bytes, after: bytes) -> dict[str, Any]:
        more = {"snapshot_after": after.decode()} if snapshots else {}
        return a_change(before, after, hashed=snapshots, **more)

    near = [V[0], V[0].replace(b"3\n", b"three\n"), V[0].replace(b"3\n", b"four\n"), V[0].replace(b"3\n", b"five\n")]

    rulings = ruled(change(near[1], near[2]), change(near[0], near[1]), change(near[2], near[3]))

    assert statuses(rulings) == "rcc"


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("name", ["hash_before", "hash_after"])
def test_an_altered_hash_refutes_its_edit_alone(at: int, name: str) -> None:
    edits = [a_change(V[0], V[1]), a_change(V[1], V[2]), a_change(V[2], V[3])]
    edits[at]["data"][name] = "f" * 64

    assert statuses(ruled(*edits)) == "ccc"[:at] + "r" + "ccc"[at + 1 :]


def test_behind_a_command_that_changes_files_nobody_is_blamed() -> None:
    rulings = ruled(a_change(V[0], V[1]), a_change(V[2], V[3]), change_at=1)

    assert statuses(rulings) == "cu"
    assert "may have changed a.py" in rulings[1].reason


def test_a_file_that_a_command_restored_is_known_by_its_hash() -> None:
    rulings = ruled(a_change(V[0], V[1]), a_change(V[0], V[2]), change_at=1)

    assert statuses(rulings) == "cc"
    assert rulings[1].outcome == "picked_up"


def test_a_redacted_edit_is_not_blamed() -> None:
    edit = a_change(V[0], V[1], extra={"redacted": ["diff"]})
    edit["data"]["diff"] = edit["data"]["diff"].replace("+101", "+[REDACTED:email]")

    rulings = ruled(edit, a_change(V[1], V[2]))

    assert statuses(rulings) == "uu"
    assert "secrets were replaced" in rulings[0].reason


def test_a_binary_edit_without_its_content_is_unverifiable() -> None:
    lost = an_edit(
        "a.py", "diff --git a/a.py b/a.py\nindex 1..2\nBinary files a/a.py and b/a.py differ\n", hash_after=sha(V[2])
    )

    assert statuses(ruled(lost, a_change(V[2], V[3]))) == "uu"
    assert statuses(ruled(lost, a_change(V[2], V[3]), known=(V[2],))) == "uc"


def test_a_file_is_renamed() -> None:
    header = "diff --git a/a.py b/b.py\nsimilarity index 90%\nrename from a.py\nrename to b.py\n"
    diff = f"{header}--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-0\n+zero\n"
    renamed = an_edit("b.py", diff, hash_before=sha(V[0]), hash_after=sha(V[0].replace(b"0\n", b"zero\n", 1)))

    rulings = ruled(renamed, a_change(None, V[1]))

    assert statuses(rulings) == "cc"
    assert rulings[0].path == "b.py"


def test_an_executable_file_stays_one() -> None:
    history = History({"a.py": FileVersion(V[0], executable=True)})
    (event,) = events(a_change(V[0], V[1]))
    assert isinstance(event, CodeEdit)

    EditRuler(history).rule(mark_of(0, event), event)

    assert history.overlay() == {"a.py": FileVersion(V[1], executable=True)}


@pytest.mark.parametrize("diff", ["", "nonsense", "--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n x\n", "\x00"])
def test_what_is_no_diff_is_refuted(diff: str) -> None:
    assert statuses(ruled(an_edit("a.py", diff))) == "r"


def test_a_diff_of_several_files_is_no_edit() -> None:
    two = a_change(V[0], V[1])["data"]["diff"] + a_change(V[0], V[1], "b.py")["data"]["diff"]

    (ruling,) = ruled(an_edit("a.py", two))

    assert ruling.status == "refuted"
    assert "several files" in ruling.reason


def test_a_file_too_large_to_be_held_is_said() -> None:
    history = History({}, unreadable=["a.py"])
    (event,) = events(a_change(V[0], V[1]))
    assert isinstance(event, CodeEdit)

    assert EditRuler(history).rule(mark_of(0, event), event).reason == "the file is too large to be held"


def test_every_file_that_a_diff_names_is_touched() -> None:
    assert touched_paths("diff --git a/x b/y\nrename from x\nrename to y\n", "y") == {"x", "y"}
    assert touched_paths("--- a/../x\n+++ b//etc/passwd\n@@ -1 +1 @@\n-a\n+b\n") == set()
