"""Answers of models on disk."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.qa.judge.answer import Answer, DimensionAnswer
from app.qa.judge.cache import FileSampleCache, NoSampleCache, SampleKey
from tests.unit.qa.judge.sessions import RUBRIC

KEY = SampleKey("ab" * 32, frozenset(), RUBRIC.sha256, "cd" * 32, "m", {"temperature": 0.7}, 0)


def an_answer(level: int | None = 3, unwrapped: bool = False) -> Answer:
    one = DimensionAnswer(level, ("e1", "e2"), "a “quote”\nof two lines", "why")
    return Answer({dimension.id: one for dimension in RUBRIC.dimensions}, "well done", ("e4",), unwrapped)


@pytest.mark.parametrize("unwrapped", [True, False])
def test_an_answer_is_found_as_it_was_kept(tmp_path: Path, unwrapped: bool) -> None:
    FileSampleCache(tmp_path, 9).put(KEY, an_answer(unwrapped=unwrapped))

    assert FileSampleCache(tmp_path, 9).get(KEY, RUBRIC) == an_answer(unwrapped=unwrapped)


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, trace_hash="ef" * 32),
        replace(KEY, refuted=frozenset({"id-1"})),
        replace(KEY, rubric_sha256="ef" * 32),
        replace(KEY, prompt_sha256="ef" * 32),
        replace(KEY, model="n"),
        replace(KEY, parameters={"temperature": 0.8}),
        replace(KEY, sample=1),
    ],
)
def test_every_part_of_the_key_counts(tmp_path: Path, other: SampleKey) -> None:
    cache = FileSampleCache(tmp_path, 9)
    cache.put(KEY, an_answer())

    assert cache.get(other, RUBRIC) is None


def test_an_entry_under_anothers_name_is_not_believed(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 9)
    cache.put(KEY, an_answer())
    (entry,) = tmp_path.rglob("*.json")
    cache.put(replace(KEY, sample=1), an_answer(level=0))
    (second,) = set(tmp_path.rglob("*.json")) - {entry}
    second.replace(entry)

    assert cache.get(KEY, RUBRIC) is None


def test_an_answer_that_leaves_a_dimension_open_is_not_kept(tmp_path: Path) -> None:
    FileSampleCache(tmp_path, 9).put(KEY, an_answer(level=None))

    assert list(tmp_path.iterdir()) == []


def test_above_its_bound_the_answers_used_longest_ago_go(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 10)
    keys = [replace(KEY, sample=number) for number in range(11)]
    for place, key in enumerate(keys[:10]):
        cache.put(key, an_answer())
        (newest,) = (path for path in tmp_path.rglob("*.json") if path.stat().st_mtime > 10_000)
        os.utime(newest, (place, place))
    assert cache.get(keys[0], RUBRIC) is not None
    cache.put(keys[10], an_answer())

    left = [cache.get(key, RUBRIC) is not None for key in keys]
    assert (sum(left), left[0], left[1], left[10]) == (9, True, False, True)


def test_a_traces_answers_are_forgotten_together(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 9)
    others = replace(KEY, trace_hash="ef" * 32)
    for key in (KEY, replace(KEY, sample=1), others):
        cache.put(key, an_answer())
    cache.forget(KEY.trace_hash)

    assert cache.get(KEY, RUBRIC) is None
    assert cache.get(others, RUBRIC) == an_answer()
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_disk_that_refuses_costs_nothing_but_the_entry(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FileSampleCache(tmp_path / "file", 9)
    cache.put(KEY, an_answer())

    assert cache.get(KEY, RUBRIC) is None


def test_many_threads_may_keep_and_look_up(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 1000)
    keys = [replace(KEY, sample=number % 9) for number in range(90)]

    def use(key: SampleKey) -> Answer | None:
        cache.put(key, an_answer())
        return cache.get(key, RUBRIC)

    with ThreadPoolExecutor(8) as many:
        found = list(many.map(use, keys))

    assert found == [an_answer()] * 90
    assert len(list(tmp_path.rglob("*.json"))) == 9


def test_the_cache_that_keeps_nothing_keeps_nothing() -> None:
    cache = NoSampleCache()
    cache.put(KEY, an_answer())
    cache.forget(KEY.trace_hash)

    assert cache.get(KEY, RUBRIC) is None
