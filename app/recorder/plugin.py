"""The pytest plugin, laid out so that every Python that is run under the recorder finds it, whatever is installed there.

The folder looks like an installed package: pytest finds the plugin by its entry point where the folder is on the module path.
Where it is not, because a tool has cleared the environment, there is nothing to find and nothing to fail.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from app.recorder.state import StateFolder
from app.utils.atomic import replace_file

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
PLUGIN = "pr_telemetry_pytest"
_METADATA = f"Metadata-Version: 2.1\nName: {PLUGIN}\nVersion: 1\n"
_ENTRY_POINTS = f"[pytest11]\n{PLUGIN} = {PLUGIN}\n"


def lay_out_plugin(folder: StateFolder) -> None:
    """Make the plugin findable, and tell it whom to call."""
    described = folder.plugin / f"{PLUGIN}-1.dist-info"
    described.mkdir(parents=True, exist_ok=True)
    (described / "METADATA").write_text(_METADATA, encoding="utf-8")
    (described / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")
    shutil.copyfile(PACKAGE_ROOT / f"{PLUGIN}.py", folder.plugin / f"{PLUGIN}.py")
    replace_file(folder.hook, json.dumps({"python": sys.executable, "package": str(PACKAGE_ROOT)}).encode())


def with_plugin(environment: Mapping[str, str], folder: StateFolder) -> dict[str, str]:
    """The environment in which a Python finds the plugin."""
    rest = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{folder.plugin}{os.pathsep}{rest}" if rest else str(folder.plugin)}
