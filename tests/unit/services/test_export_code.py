"""The code of exported traces."""

from __future__ import annotations

from collections.abc import Mapping

from app.formats.writing.base import Change, Code
from app.qa.workspaces import Workspaces
from app.services.export_code import CodeReader
from tests.builders import an_edit
from tests.unit.formats.writing.sessions import BUGGY, DIFF, MENDED, Files, a_finalized, stored

BASE = Files({"till.py": BUGGY, "tests/test_till.py": "old\n", "README.md": "hunter2\n"}, frozenset({"till.py"}))
EDITED = a_finalized(events=stored(an_edit("till.py", DIFF), an_edit("tests/test_new.py", "@@ -0,0 +1 @@\n+new\n")))


def a_reader(workspaces: Workspaces) -> CodeReader:
    return CodeReader(lambda trace: workspaces, lambda text: text.replace("hunter2", "[REDACTED]"))


def code_of(workspaces: Workspaces) -> Code:
    found = a_reader(workspaces).code_of(EDITED)
    assert isinstance(found, Code), found
    return found


def contents(code: Code) -> Mapping[str, bytes]:
    return {file.path: file.content.read() for file in code.tests.files()}


def test_edits_make_the_change_and_the_tests_that_decide() -> None:
    code = code_of(Workspaces(base=BASE))

    new = Change("tests/test_new.py", None, b"new\n", is_test=True)
    assert code.changes == (new, Change("till.py", BUGGY.encode(), MENDED.encode(), executable=True))
    assert code.test_changes == (new,)
    assert contents(code) == {"tests/test_till.py": b"old\n", "tests/test_new.py": b"new\n"}


def test_trusted_tests_decide_whatever_the_session_did_to_its_own() -> None:
    trusted = Files({"tests/test_till.py": "trusted\n"})

    code = code_of(Workspaces(base=BASE, tests=trusted))

    assert contents(code) == {"tests/test_till.py": b"trusted\n"}
    assert code.test_changes == (Change("tests/test_till.py", b"old\n", b"trusted\n", is_test=True),)
    assert [change.path for change in code.changes] == ["tests/test_new.py", "till.py"]


def test_what_tools_leave_is_no_change() -> None:
    final = Files({**BASE.contents, ".pytest_cache/v": "1", "__pycache__/till.pyc": "1", "till.py": MENDED})

    assert [change.path for change in code_of(Workspaces(base=BASE, final=final)).changes] == ["till.py"]


def test_why_there_is_no_code_is_said() -> None:
    large = Files({**BASE.contents, "data.bin": b"x" * (5 << 20)})

    assert a_reader(Workspaces(problem="nothing was uploaded")).code_of(EDITED) == "nothing was uploaded"
    assert "too large" in str(a_reader(Workspaces(base=BASE, final=large)).code_of(EDITED))
    assert "does not apply" in str(a_reader(Workspaces(base=Files({"till.py": "other\n"}))).code_of(EDITED))


def test_files_are_read_without_their_secrets() -> None:
    found = a_reader(Workspaces(base=BASE)).read_base(EDITED, ["README.md", "till.py", "not/there.py"])

    assert found == {"README.md": b"[REDACTED]\n", "till.py": BUGGY.encode()}
    assert a_reader(Workspaces()).read_base(EDITED, ["till.py"]) == {}
