"""Shell commands and their here-documents."""

from __future__ import annotations

import pytest

from app.formats.pieces.shell import edits_of, parts_of, without_shell

WRITES = [
    ("cat > a.py <<'EOF'\nx = 1\nEOF", "a.py", "x = 1\n"),
    ("cat <<'EOF' > a.py\nx = 1\nEOF\n", "a.py", "x = 1\n"),
    ('cat <<"END" > src/a.py\nEOF\nEND', "src/a.py", "EOF\n"),
    ("cat > a.py << EOF\nx = 1\nEOF", "a.py", "x = 1\n"),
    ("tee a.py <<'EOF'\n$HOME\nEOF", "a.py", "$HOME\n"),
    ("tee a.py <<'EOF' > /dev/null\nx\nEOF", "a.py", "x\n"),
    ("cd src && cat > a.py <<'EOF'\nx\nEOF", "src/a.py", "x\n"),
    ("cat > /repo/a.py <<'EOF'\nEOF", "/repo/a.py", ""),
]


@pytest.mark.parametrize(("command", "path", "content"), WRITES)
def test_a_here_document_that_only_writes_a_file_is_an_edit(command: str, path: str, content: str) -> None:
    edits = edits_of(command)

    assert edits is not None
    assert [(edit.path, edit.snapshot_after) for edit in edits] == [(path, content)]


@pytest.mark.parametrize(
    "command",
    [
        "cat > a.py <<EOF\n$HOME\nEOF",
        "cat > a.py <<EOF\n`date`\nEOF",
        "cat > a.py <<EOF\na\\\nb\nEOF",
        "cat >> a.py <<'EOF'\nx\nEOF",
        "cat a.py <<'EOF'\nx\nEOF",
        "cat > a.py <<-'EOF'\n\tx\nEOF",
        "cat > a.py <<'EOF'\nx\nEOF\npython a.py",
        "cat > a.py <<'EOF'\nx\nEOF\nrm a.py\nEOF",
        "cat > $FILE <<'EOF'\nx\nEOF",
        "cat > a.py <<'EOF' | tee b.py\nx\nEOF",
        "python - <<'EOF'\nx\nEOF",
        "cat > a.py <<'EOF'\nx",
        "cat > a.py > b.py <<'EOF'\nx\nEOF",
        "echo x > a.py",
    ],
)
def test_what_is_not_certain_is_no_edit(command: str) -> None:
    assert edits_of(command) is None


def test_a_patch_in_a_here_document_is_its_edits() -> None:
    edits = edits_of("cd src && apply_patch <<'EOF'\n*** Begin Patch\n*** Delete File: a.py\n*** End Patch\nEOF\n")

    assert edits is not None
    assert [(edit.path, edit.kind) for edit in edits] == [("src/a.py", "deletes")]


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["bash", "-lc", "ls | wc"], "ls | wc"),
        (["/bin/sh", "-c", "ls"], "ls"),
        (["git", "commit", "-m", "a b"], "git commit -m 'a b'"),
        (["bash", "run.sh"], "bash run.sh"),
    ],
)
def test_a_shell_around_a_command_is_not_the_command(argv: list[str], command: str) -> None:
    assert without_shell(argv) == command


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("cd a && pytest -k 'x and y' 2>&1 | tail -3", [("cd", "a"), ("pytest", "-k", "x and y"), ("tail", "-3")]),
        ("a; b\nc", [("a",), ("b",), ("c",)]),
        ("pytest > out.txt", []),
        ("cat <<EOF\nx\nEOF", []),
        ("echo 'open", []),
        ("echo 'a;b'", [("echo", "a;b")]),
    ],
)
def test_the_parts_of_a_command_line(command: str, parts: list[tuple[str, ...]]) -> None:
    assert [part.words for part in parts_of(command)] == parts
