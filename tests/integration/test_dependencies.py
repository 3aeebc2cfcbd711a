"""Suites that need more than the runner's image has: packages out of a wheelhouse, and images of the operator's."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api.app import create_app
from app.qa.sandbox.dependencies import IMAGE_LABEL
from app.qa.sandbox.engine import Engine
from app.settings import Settings
from tests.builders import a_repo, a_session, a_tar, an_edit
from tests.conftest import AUTH, TOKEN

pytestmark = pytest.mark.docker
GZIP = {"Content-Type": "application/gzip"}
REPO = {
    "words.py": "from plurals_of_tests import ending\n\n\ndef plural(word):\n    return word + ending() + 'x'\n",
    "test_words.py": "from words import plural\n\n\ndef test_plural():\n    assert plural('cat') == 'cats'\n",
}
FIX = an_edit(
    "words.py", "@@ -3,3 +3,3 @@\n \n def plural(word):\n-    return word + ending() + 'x'\n+    return word + ending()\n"
)

Serve = Callable[..., TestClient]


def a_wheel(folder: Path, name: str, version: str, files: dict[str, str], requires: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {requires}\n" if requires else ""
    )
    wheel = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/METADATA", f"{info}/WHEEL"]))
    (folder / f"{name}-{version}-py3-none-any.whl").write_bytes(packed.getvalue())


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    hook = "import os; os.environ['HOOKED'] = '1'\n"
    files = {"plurals_of_tests.py": "from base_of_tests import S\n\n\ndef ending():\n    return S\n", "hooked.pth": hook}
    a_wheel(folder, "plurals_of_tests", "1.2", files, "base-of-tests>=2")
    a_wheel(
        folder, "base_of_tests", "2.0", {"base_of_tests/__init__.py": "S = 's'\n", "pytest/__init__.py": "raise SystemExit\n"}
    )
    return folder


@pytest.fixture
def serve(runner_image: str, tmp_path: Path, engine: Engine) -> Iterator[Serve]:
    with ExitStack() as started:

        def start(**changes: Any) -> TestClient:
            data_dir = tmp_path / "data"
            settings = Settings(
                api_token=SecretStr(TOKEN),
                data_dir=data_dir,
                judge="off",
                runner_image=runner_image,
                reruns=1,
                warm_sandboxes=0,
            ).model_copy(update=changes)
            return started.enter_context(TestClient(create_app(settings), headers=AUTH, base_url="http://localhost"))

        known = set(engine.images(IMAGE_LABEL))
        yield start
    for name in set(engine.images(IMAGE_LABEL)) - known:
        engine.remove_image(name)


def verified(client: TestClient, files: dict[str, str] = REPO, trace_id: str = "t-1", **repo: Any) -> dict[str, Any]:
    session = a_session(trace_id=trace_id, events=[FIX] if files is REPO else [], repo=a_repo(**repo))
    client.post("/traces", json=session).raise_for_status()
    client.put(f"/traces/{trace_id}/artifacts/workspace", content=a_tar(files), headers=GZIP).raise_for_status()
    response = client.post(f"/traces/{trace_id}/finalize")
    assert response.status_code == 200, response.text
    results: dict[str, Any] = response.json()["qa_results"]
    return results


def test_declared_packages_come_out_of_a_wheelhouse(serve: Serve, wheelhouse: Path) -> None:
    client = serve(dependencies="wheelhouse", wheelhouse=wheelhouse)

    results = verified(client, requirements=["Plurals.Of_Tests==1.2"])

    verification = results["verification"]
    assert (verification["verdict"], verification["fail_to_pass"]) == ("fixed", ["test_words.py::test_plural"]), verification
    assert verification["image"]["name"].startswith("pr-telemetry-deps:")
    assert verification["image"]["digest"].startswith("sha256:")

    # the same set again needs no wheels any more, in whatever order and spelling
    shutil.rmtree(wheelhouse)
    again = verified(client, trace_id="t-2", requirements=["plurals-of-tests==1.2"])["verification"]
    assert (again["verdict"], again["image"]) == ("fixed", verification["image"])


def test_packages_reach_neither_the_runner_nor_the_start_of_python(serve: Serve, wheelhouse: Path) -> None:
    program = (
        "import os, subprocess, sys\n\n\ndef test_it():\n"
        "    import base_of_tests\n    import pytest\n"
        "    assert base_of_tests.S == 's'\n    assert 'HOOKED' not in os.environ\n    assert pytest.raises\n"
        "    assert not os.access(os.path.dirname(base_of_tests.__file__), os.W_OK)\n"
    )

    results = verified(
        serve(dependencies="wheelhouse", wheelhouse=wheelhouse),
        {"test_it.py": program},
        test_command="python -m pytest",
        requirements=["plurals-of-tests==1.2"],
    )

    assert results["verification"]["after"]["tests"] == {"test_it.py::test_it": "passed"}, results["test_output_snippet"]


def test_other_commands_find_the_packages_too(serve: Serve, wheelhouse: Path) -> None:
    results = verified(
        serve(dependencies="wheelhouse", wheelhouse=wheelhouse),
        test_command="python3 test_words.py",
        requirements=["plurals-of-tests==1.2"],
    )

    assert (results["test_exit_code"], results["test_output_snippet"]) == (0, "")


def test_a_package_that_is_not_there_proves_nothing(serve: Serve, wheelhouse: Path) -> None:
    results = verified(serve(dependencies="wheelhouse", wheelhouse=wheelhouse), requirements=["nothing-like-it==1.0"])

    assert (results["verification"]["verdict"], results["tests_passed"]) == ("inconclusive", None)
    assert "cannot be had as wheels" in results["verification"]["reason"]
    assert "nothing-like-it" in results["verification"]["reason"]


def test_the_oldest_images_go(serve: Serve, wheelhouse: Path, engine: Engine) -> None:
    a_wheel(wheelhouse, "plurals_of_tests", "1.3", {"plurals_of_tests.py": "def ending():\n    return 's'\n"})
    if engine.images(IMAGE_LABEL):
        pytest.skip("this engine has images with dependencies, which this test would remove")
    client = serve(dependencies="wheelhouse", wheelhouse=wheelhouse, max_dependency_images=1)

    verified(client, requirements=["plurals-of-tests==1.2"])
    second = verified(client, trace_id="t-2", requirements=["plurals-of-tests==1.3"])["verification"]

    assert second["verdict"] == "fixed"
    assert engine.images(IMAGE_LABEL) == (second["image"]["name"],)


def test_an_image_has_to_be_allowed(serve: Serve, runner_image: str) -> None:
    client = serve(allowed_images="other:*, pr-telemetry-runner*")
    repo = {"test_it.py": "def test_it():\n    pass\n"}

    allowed = verified(client, repo, image="pr-telemetry-runner-not-there:9", test_command="python -m pytest")
    refused = verified(client, repo, "t-2", image="debian:12", test_command="python -m pytest")

    assert allowed["verification"]["verdict"] == "inconclusive"
    assert "pr-telemetry-runner-not-there:9 is not here" in allowed["verification"]["reason"]
    assert refused["verification"]["verdict"] == "inconclusive"
    assert "ALLOWED_IMAGES" in refused["verification"]["reason"]


def test_a_trace_may_run_in_an_image_of_its_own(serve: Serve, node_image: str) -> None:
    repo = {"a.test.js": "require('node:test')('works', () => {});\n"}

    results = verified(serve(allowed_images=node_image), repo, image=node_image, test_command="node --test")

    assert results["verification"]["after"]["tests"] == {"a.test.js::works": "passed"}
    assert results["verification"]["image"]["name"] == node_image
