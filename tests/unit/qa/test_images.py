from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.models.trace import Repo
from app.qa.base import Guest, RunResult, RunSpec
from app.qa.images import DEPENDENCIES, ImageChooser, ImageError, in_image
from app.qa.workspaces import Workspaces
from tests.builders import a_trace
from tests.fakes import ScriptedSandbox
from tests.integration.sandbox_runs import FileTree


@dataclass
class Shelf:
    """``DependencyImages`` that are all there, or not at all."""

    problem: str | None = None
    asked: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)

    def find_or_make(self, requirements: Sequence[str], base: str | None) -> str:
        self.asked.append((tuple(requirements), base))
        if self.problem is not None:
            raise ImageError(self.problem)
        return "deps:1"


def chosen(chooser: ImageChooser, image: str | None = None, *requirements: str) -> Workspaces:
    trace = a_trace().model_copy(update={"repo": Repo(image=image, requirements=requirements)})
    return chooser.choose(trace, Workspaces(origin="here"))


def test_a_trace_that_asks_for_nothing_has_the_servers_image() -> None:
    assert chosen(ImageChooser([], Shelf())) == Workspaces(origin="here")


@pytest.mark.parametrize("allowed", ["mine:1", "mine:*", "*"])
def test_an_allowed_image_is_taken(allowed: str) -> None:
    assert chosen(ImageChooser(["other", allowed], None), "mine:1").image == "mine:1"


@pytest.mark.parametrize("allowed", ["", "mine", "mine:2", "Mine:*"])
def test_another_one_is_not(allowed: str) -> None:
    workspaces = chosen(ImageChooser([allowed], None), "mine:1")

    assert workspaces.image is None
    assert "ALLOWED_IMAGES" in str(workspaces.image_problem)


def test_declared_packages_come_on_top_of_the_image() -> None:
    shelf = Shelf()

    assert chosen(ImageChooser(["mine:1"], shelf), "mine:1", "attrs==23.2.0").image == "deps:1"
    assert shelf.asked == [(("attrs==23.2.0",), "mine:1")]


def test_declared_packages_are_taken_to_be_there_where_none_are_added() -> None:
    assert chosen(ImageChooser([], None), None, "attrs==23.2.0").image is None


def test_packages_that_cannot_be_had_are_a_problem_of_the_image() -> None:
    assert chosen(ImageChooser([], Shelf("no wheel")), None, "attrs==23.2.0").image_problem == "no wheel"


def test_every_run_is_in_the_image_and_finds_the_packages() -> None:
    sandbox = ScriptedSandbox()
    inside = in_image(sandbox, Workspaces(image="deps:1"))

    inside.run(RunSpec(("make",), FileTree(), env={"PYTHONPATH": "src", "A": "b"}))
    inside.run(RunSpec(("pytest",), FileTree(), guest=Guest("", {"folders": ["src"], "key": "k"})))
    inside.run(RunSpec(("pytest",), FileTree(), guest=Guest("", {"key": "k"})))

    command, guest, other = (spec for spec, _ in sandbox.runs)
    assert {spec.image for spec, _ in sandbox.runs} == {"deps:1"}
    assert command.env == {"PYTHONPATH": f"src:{DEPENDENCIES}", "A": "b"}
    assert guest.guest is not None
    assert guest.guest.config == {"folders": ["src", DEPENDENCIES], "key": "k"}
    assert guest.env == {}
    assert other.guest is not None
    assert other.guest.config == {"key": "k"}
    assert inside.image().name == "deps:1"


def test_without_another_image_the_sandbox_is_as_it_was() -> None:
    sandbox = ScriptedSandbox()

    assert in_image(sandbox, Workspaces()) is sandbox


def test_where_there_is_no_image_every_run_says_why() -> None:
    sandbox = ScriptedSandbox(answer=lambda spec, files: RunResult("exited", exit_code=0))
    inside = in_image(sandbox, Workspaces(image_problem="not allowed"))

    with inside.sessions(2) as (session, *_):
        result = session.run(RunSpec(("make",), FileTree()))

    assert (result.kind, result.reason) == ("could_not_run", "not allowed")
    assert (inside.state().ready, inside.image().digest, sandbox.runs) == (False, None, [])
