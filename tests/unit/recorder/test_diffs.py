"""Diffs as git writes them. That they apply is proven in ``tests/property/test_recorder.py``."""

from __future__ import annotations

import time

from app.recorder import diffs
from app.recorder.diffs import FileContent, render_diff, says_how, without_content
from app.rules.patches import apply_patch, split_patch


def test_changes_that_are_far_apart_are_told_apart() -> None:
    before = "".join(f"{number}\n" for number in range(40)).encode()
    after = before.replace(b"\n5\n", b"\nfive\n").replace(b"\n30\n", b"\nthirty\n")

    diff = render_diff("a.py", FileContent(before), FileContent(after))

    assert [line for line in diff.splitlines() if line.startswith("@@")] == ["@@ -3,7 +3,7 @@", "@@ -28,7 +28,7 @@"]
    assert diff.count("\n ") == 12


def test_a_change_of_mode_alone_is_told() -> None:
    diff = render_diff("run.sh", FileContent(b"x\n"), FileContent(b"x\n", executable=True))

    assert diff == "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"


def test_what_is_too_large_is_told_without_its_content() -> None:
    large = b"".join(b"%d\n" % number for number in range(diffs.MAX_DIFF_CHARACTERS // 4))

    created = render_diff("data.csv", None, FileContent(large))
    unheld = render_diff("video.bin", FileContent(None), FileContent(None))

    assert created == "diff --git a/data.csv b/data.csv\nnew file mode 100644\nBinary files /dev/null and b/data.csv differ\n"
    assert not says_how(created)
    assert not says_how(unheld)


def test_a_text_that_speaks_of_binary_files_says_how_it_changed() -> None:
    diff = render_diff("notes.md", FileContent(b""), FileContent(b"Binary files a and b differ\n"))

    assert says_how(diff)


def test_large_files_that_differ_everywhere_take_no_time() -> None:
    before = "".join(f"old {number % 7}\n" for number in range(20_000)).encode()
    after = "".join(f"new {number % 5}\n" for number in range(20_000)).encode()
    started = time.process_time()

    diff = render_diff("a.txt", FileContent(before), FileContent(after))

    assert time.process_time() - started < 10
    (patch,) = split_patch(diff)
    assert apply_patch(before, patch) == after


def test_a_diff_can_be_sent_without_its_content() -> None:
    diff = render_diff("with blank.py", None, FileContent(b"secret = 1\n", executable=True))

    assert without_content(diff) == (
        "diff --git a/with blank.py b/with blank.py\nnew file mode 100755\n"
        "Binary files a/with blank.py and b/with blank.py differ\n"
    )
