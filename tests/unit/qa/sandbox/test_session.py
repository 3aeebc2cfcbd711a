"""One run after the other: in the same container as long as that is fit for it, in another one otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec
from app.qa.sandbox.engine import EngineUnavailableError
from app.qa.sandbox.session import Container, Session
from tests.replaying import MemoryTree

DONE = RunResult("exited", exit_code=0)
SPEC = RunSpec(("true",), MemoryTree({}))
Runs = Callable[[], RunResult | None]


class FakeContainer:
    """A container whose runs end as the test says."""

    def __init__(self, *runs: RunResult | Exception | None, leaves_a_mess: bool = False, age_s: float = 0) -> None:
        self.age_s = age_s
        self.is_usable = True
        self.count = 0
        self._runs = list(runs)
        self._leaves_a_mess = leaves_a_mess

    def run(self, spec: RunSpec) -> RunResult | None:
        self.count += 1
        result = self._runs.pop(0) if self._runs else DONE
        self.is_usable = result is not None and not self._leaves_a_mess
        if isinstance(result, Exception):
            self.is_usable = False
            raise result
        return result


class Shelf:
    """Containers to take, and those that were given back."""

    def __init__(self, *containers: FakeContainer | Exception) -> None:
        self._containers = list(containers)
        self.given_back: list[FakeContainer] = []
        self.images: list[str | None] = []

    def session(self, session_s: float = 100) -> Session:
        return Session(self._take, lambda container: self.given_back.append(cast(FakeContainer, container)), session_s)

    def _take(self, image: str | None) -> Container:
        self.images.append(image)
        container = self._containers.pop(0)
        if isinstance(container, Exception):
            raise container
        return cast(Container, container)


def test_runs_follow_one_another_in_one_container() -> None:
    only = FakeContainer()
    shelf = Shelf(only)
    session = shelf.session()

    assert [session.run(SPEC), session.run(SPEC)] == [DONE, DONE]
    assert (only.count, shelf.given_back) == (2, [])


def test_no_container_is_taken_before_there_is_something_to_run() -> None:
    shelf = Shelf()

    shelf.session().close()

    assert (shelf.images, shelf.given_back) == ([], [])


def test_a_container_that_was_not_fit_for_the_run_is_replaced_once() -> None:
    first, second = FakeContainer(None), FakeContainer()
    shelf = Shelf(first, second)

    assert shelf.session().run(SPEC) == DONE
    assert shelf.given_back == [first]
    assert second.count == 1


def test_a_second_container_that_is_not_fit_either_is_no_failed_run() -> None:
    first, second = FakeContainer(None), FakeContainer(None)
    shelf = Shelf(first, second, FakeContainer())

    result = shelf.session().run(SPEC)

    assert result.kind == "could_not_run"
    assert shelf.given_back == [first, second]


def test_a_container_that_is_of_no_more_use_is_given_back_at_once() -> None:
    first, second = FakeContainer(leaves_a_mess=True), FakeContainer()
    shelf = Shelf(first, second)
    session = shelf.session()

    assert session.run(SPEC) == DONE
    assert shelf.given_back == [first]
    assert session.run(SPEC) == DONE
    assert second.count == 1


def test_a_container_that_is_too_old_is_replaced_before_the_next_run() -> None:
    old, new = FakeContainer(age_s=101), FakeContainer()
    shelf = Shelf(old, new)
    session = shelf.session(session_s=100)

    session.run(SPEC)
    session.run(SPEC)

    assert (old.count, new.count, shelf.given_back) == (1, 1, [old])


def test_a_renewed_session_runs_where_nothing_else_has_been() -> None:
    first, second = FakeContainer(), FakeContainer()
    shelf = Shelf(first, second)
    session = shelf.session()

    session.run(SPEC)
    session.renew()
    session.run(SPEC)

    assert (first.count, second.count, shelf.given_back) == (1, 1, [first])


def test_another_image_needs_another_container() -> None:
    first, second = FakeContainer(), FakeContainer()
    shelf = Shelf(first, second)
    session = shelf.session()

    session.run(SPEC)
    session.run(RunSpec(("true",), SPEC.tree, image="other:1"))

    assert (shelf.images, shelf.given_back) == ([None, "other:1"], [first])


@pytest.mark.parametrize("shelf", [Shelf(EngineUnavailableError("away")), Shelf(FakeContainer(EngineUnavailableError("away")))])
def test_an_engine_that_is_away_is_no_failed_run(shelf: Shelf) -> None:
    result = shelf.session().run(SPEC)

    assert (result.kind, result.reason) == ("could_not_run", "away")


def test_a_tree_that_breaks_off_is_an_error_of_the_tree_and_leaves_no_container() -> None:
    broken = FakeContainer(CorruptError("short"))
    shelf = Shelf(broken)

    with pytest.raises(CorruptError):
        shelf.session().run(SPEC)

    assert shelf.given_back == [broken]
