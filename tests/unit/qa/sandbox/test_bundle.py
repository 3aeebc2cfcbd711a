"""Programs for the container, as one text each."""

from __future__ import annotations

import ast
import sys
from importlib.resources import files

import pytest

from app.qa.sandbox.bundle import bundle

PROGRAMS = sorted(file.name[: -len(".py")] for file in files("app.qa.guest").iterdir() if file.name.endswith(".py"))
OLDEST = {"disguise": (3, 9)}
"""``ast.unparse`` came with it."""
MOST_BYTES = 128 << 10
"""Of one argument of a program, on Linux."""


@pytest.fixture(params=[name for name in PROGRAMS if name != "__init__"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_program_is_one_for_old_interpreters(name: str) -> None:
    ast.parse(bundle(name), feature_version=OLDEST.get(name, (3, 8)))


def test_a_program_fits_into_one_argument(name: str) -> None:
    assert len(bundle(name).encode()) < MOST_BYTES


def test_a_program_needs_nothing_of_ours(name: str) -> None:
    imports = [node for node in ast.walk(ast.parse(bundle(name))) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in imports if isinstance(node, ast.ImportFrom)}

    own = {"pytest", "_pytest"} if name == "pytest_guest" else set()
    assert {module.partition(".")[0] for module in modules} <= sys.stdlib_module_names | own


def test_a_program_does_nothing_by_being_loaded(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    exec(compile(bundle(name), "<program>", "exec"), {"__name__": "elsewhere"})

    assert capfd.readouterr() == ("", "")


def test_no_type_is_subscripted_while_a_program_runs_on_an_old_interpreter(name: str) -> None:
    """``Callable[…]`` of ``collections.abc`` and ``list[…]`` fail before Python 3.9, but in annotations."""
    tree = ast.parse(bundle(name))
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if hasattr(node, field):
                setattr(node, field, None)
    from_abc = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "collections.abc"]
    generic = {alias.name for node in from_abc for alias in node.names} | {"list", "dict", "set", "tuple"}
    subscripted = {
        node.value.id for node in ast.walk(tree) if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)
    }

    assert subscripted & generic == set()


def test_a_sibling_that_several_need_stands_in_the_text_once() -> None:
    assert bundle("harness").count("class RefusedError(") == 1


def test_words_for_people_stay_at_home() -> None:
    functions = [node for node in ast.walk(ast.parse(bundle("harness"))) if isinstance(node, ast.FunctionDef | ast.ClassDef)]

    assert [node.name for node in functions if ast.get_docstring(node) is not None] == []
