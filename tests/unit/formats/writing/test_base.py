"""Files of a dataset stay within it."""

from __future__ import annotations

import pytest

from app.formats.writing.base import OutputFile


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "a\\..\\b", "a\nb", "", "%2e%2e/x", "c:/x"]
)
def test_a_path_that_leaves_the_dataset_is_no_file_of_it(path: str) -> None:
    with pytest.raises(ValueError, match="Invalid file path"):
        OutputFile(path, ())


@pytest.mark.parametrize(
    "path", ["a.json", "trajectories/train/a..b.json", "tasks/train/t-1/environment/workspace/[...slug].tsx"]
)
def test_ordinary_names_are_taken(path: str) -> None:
    assert OutputFile(path, ()).path == path
