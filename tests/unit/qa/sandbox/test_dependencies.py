from __future__ import annotations

from pathlib import Path

import pytest

from app.models.qa import ImageRef
from app.qa.base import RunResult, RunSpec
from app.qa.images import ImageError
from app.qa.sandbox.dependencies import WheelImages, WheelSource, pip_environment
from app.qa.sandbox.profile import SandboxProfile
from tests.fakes import ScriptedSandbox


class KnowingSandbox(ScriptedSandbox):
    """Has one image, which says of itself what the test wants."""

    def image(self, name: str | None = None) -> ImageRef:
        return ImageRef(name=name or "mine:1", digest="sha256:1" if name in (None, "mine:1") else None)


def images(says: bytes, wheels: Path) -> WheelImages:
    def answer(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        return RunResult("exited", exit_code=0, output_head=says)

    return WheelImages(KnowingSandbox(answer=answer), SandboxProfile(owner="test"), WheelSource(wheels), 1)


@pytest.mark.parametrize(
    ("says", "problem"),
    [
        (b"", "does not tell which Python"),
        (b'[[3, 11], "pypy", "x86_64", ["glibc", "2.36"]]', "CPython and glibc"),
        (b'[[3, 11], "cpython", "x86_64", ["", ""]]', "CPython and glibc"),
    ],
)
def test_not_every_image_can_be_added_to(says: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=problem):
        images(says, tmp_path).find_or_make(["attrs==1"], None)


def test_an_image_that_is_not_there_cannot_be_added_to(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="other:1 is not here"):
        images(b"", tmp_path).find_or_make(["attrs==1"], "other:1")


def test_what_is_in_no_wheelhouse_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot be had as wheels: .*nothing-like-it==1"):
        images(b'[[3, 11], "cpython", "x86_64", ["glibc", "2.36"]]', tmp_path).find_or_make(["nothing-like-it==1"], None)


def test_pip_sees_nothing_of_the_servers_secrets(tmp_path: Path) -> None:
    own = {
        "PATH": "/bin",
        "API_TOKEN": "s",
        "OPENAI_API_KEY": "s",
        "PIP_INDEX_URL": "https://example.org/simple",
        "HOME": "/root",
    }

    assert pip_environment(own, tmp_path, own_index=True).keys() == {"PATH", "HOME", "PIP_INDEX_URL", "TMPDIR"}
    assert pip_environment(own, tmp_path, own_index=False).keys() == {"PATH", "HOME", "PIP_CONFIG_FILE", "TMPDIR"}
