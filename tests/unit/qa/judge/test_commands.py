"""Reading command lines."""

from __future__ import annotations

import pytest

from app.qa.judge.features.commands import is_bare, names_single_test, read_command


@pytest.mark.parametrize(
    ("command", "selection"),
    [
        ("pytest", "pytest"),
        ("pytest -q --tb=short -vv tests/test_a.py", "pytest tests/test_a.py"),
        ("pytest --tb short tests", "pytest tests"),
        ("python -m pytest tests/test_a.py::test_b", "pytest tests/test_a.py::test_b"),
        ("cd /repo && PYTHONPATH=. .venv/bin/python3.11 -m pytest -x | tail -5", "pytest"),
        ("timeout 60 pytest 2>&1 > out.txt", "pytest"),
        ("poetry run pytest tests", "pytest tests"),
        ("coverage run -m pytest", "pytest"),
        ("python -m unittest discover", "unittest discover"),
        ("npm test", "npm test"),
        ("npm run test:unit", "npm run test:unit"),
        ("go test ./...", "go test ./..."),
        ("cargo test", "cargo test"),
        ("./gradlew test", "gradlew test"),
        ("make -j2 check", "make -j2 check"),
        ("python manage.py test shop", "manage.py test shop"),
        ("npx jest cart", "jest cart"),
    ],
)
def test_test_commands_are_known_with_their_selection(command: str, selection: str) -> None:
    found = read_command(command)

    assert (found.kind, found.selection) == ("test", selection)


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("cat a.py", "read"),
        ("grep -rn 'x|y' src | head", "read"),
        ("sed -n 1,20p a.py", "read"),
        ("git --no-pager diff", "read"),
        ("cd src && ls", "read"),
        ("python repro.py", "probe"),
        ("cat input | python run.py", "probe"),
        ('python -c "import a\nprint(a.b)"', "probe"),
        ("./build.sh", "probe"),
        ("make", "probe"),
        ("sed -i s/a/b/ a.py", "other"),
        ("cat > a.py <<'EOF'\npytest\nEOF", "other"),
        ("echo pytest", "other"),
        ("git commit -m 'run pytest'", "other"),
        ("pip install pytest", "other"),
        ("npm install", "other"),
        ("pytest --version", "other"),
        ("cd 'never closed", "other"),
        ("# pytest", "other"),
        ("&&", "other"),
    ],
)
def test_other_commands_are_told_apart(command: str, kind: str) -> None:
    assert read_command(command).kind == kind


def test_a_selection_tells_how_wide_it_is() -> None:
    assert is_bare("pytest")
    assert is_bare("go test ./...")
    assert not is_bare("pytest tests/test_a.py")
    assert names_single_test("pytest tests/test_a.py::test_b")
    assert names_single_test("pytest -k even")
    assert not names_single_test("pytest tests/test_a.py")
