from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.models.trace import Repo


@pytest.mark.parametrize("line", ["attrs==23.2.0", "Plurals.Of_Tests==1.2", "torch==2.1.0+cpu", "a==1!2.0rc1"])
def test_a_package_of_one_version_may_be_declared(line: str) -> None:
    assert Repo(requirements=(line,)).requirements == (line,)


@pytest.mark.parametrize(
    "line",
    [
        "attrs", "attrs>=1", "attrs==1 --index-url=http://x", "-r other.txt", "--pre", "a @ https://x/a.whl", "https://x/a.whl",
        "./a.whl", "a==1\n-r b", "a==1; python_version<'3'", "a==*", "git+https://x", "a[b]==1", "", " a==1",
    ],
)  # fmt: skip
def test_nothing_else_may(line: str) -> None:
    with pytest.raises(ValidationError):
        Repo(requirements=(line,))


@pytest.mark.parametrize("image", ["mine:1", "registry.example.org:5000/a/b@sha256:0a", "python:3.12-slim"])
def test_an_image_has_a_name(image: str) -> None:
    assert Repo(image=image).image == image


@pytest.mark.parametrize("image", ["", "-v", "a b", "a;b", "../a\n", "A:1"])
def test_and_nothing_else(image: str) -> None:
    with pytest.raises(ValidationError):
        Repo(image=image)
