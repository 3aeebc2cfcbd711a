"""The pytest plugin is there wherever the recorder is: in a checkout, in the installed package, in the image."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from app.recorder.plugin import PACKAGE_ROOT, PLUGIN, lay_out_plugin, with_plugin
from app.recorder.state import StateFolder
from tests.e2e.server import ROOT


def test_a_project_finds_the_plugin_as_if_it_were_installed(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.path.mkdir()

    lay_out_plugin(folder)

    assert (folder.plugin / f"{PLUGIN}.py").read_bytes() == (PACKAGE_ROOT / f"{PLUGIN}.py").read_bytes()
    assert with_plugin({"PYTHONPATH": "mine"}, folder)["PYTHONPATH"].split(":") == [str(folder.plugin), "mine"]


def test_the_package_and_the_image_hold_the_modules_beside_it() -> None:
    modules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["py-modules"]
    copied = re.findall(
        r"\S+", " ".join(re.findall(r"^COPY (.+) \./$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE))
    )
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)

    assert PLUGIN in modules
    assert {f"{module}.py" for module in modules} <= set(copied) & set(sent)
