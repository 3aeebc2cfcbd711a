"""The examples of the documentation, carried out: curl against a real server; PowerShell too, where there is one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs.markdown import Block, blocks, read
from tests.e2e.server import ROOT, TOKEN

PAGES = ("README.md", "docs/quickstart.md", "docs/howto/record-a-session.md", "docs/reference/http-api.md")
AUTH = '$Auth = @{ Authorization = "Bearer $TOKEN" }'


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """The address of a server that no engine stands behind: the examples work without one, and are quick then."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "API_TOKEN": TOKEN,
            "DATA_DIR": str(tmp_path / "data"),
            "JUDGE": "heuristic",
            "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = iter(process.stderr.readline, "")
        address = next((found[0] for line in said if (found := re.search(r"http://[\d.]+:\d+", line))), None)
        assert address is not None, "the server did not start"
        yield address
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands in for the root of a checkout: an example may leave files behind."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "sample_repo").symlink_to(ROOT / "sample_repo", target_is_directory=True)
    return checkout


def curl_blocks(page: str) -> list[Block]:
    return [block for block in blocks(read(page)) if block.language == "bash" and re.search(r"\bcurl\b", block.text)]


def powershell_blocks(page: str) -> list[Block]:
    return [block for block in blocks(read(page)) if block.language == "powershell" and "Invoke-RestMethod" in block.text]


def curl_calls(block: Block) -> list[list[str]]:
    """The arguments of each curl in a block, with what follows up to the next one."""
    words = shlex.split(block.text.replace("\\\n", " "))
    starts = [index for index, word in enumerate(words) if word == "curl"]
    return [words[start + 1 : end] for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]


def of_curl(call: list[str]) -> str:
    by_option = {"-T": "PUT", "-d": "POST", "--data-binary": "POST"}
    method = next((by_option[word] for word in call if word in by_option), "GET")
    if "-X" in call:
        method = call[call.index("-X") + 1]
    path = next(word for word in call if word.startswith("$API"))
    return f"{method} {path.removeprefix('$API')}"


def of_powershell(block: Block) -> list[str]:
    calls = re.findall(r"Invoke-RestMethod(.*?)(?=Invoke-RestMethod|\Z)", block.text, re.DOTALL)
    methods = [re.search(r"-Method (\w+)", call) for call in calls]
    paths = [re.search(r'-Uri "\$API([^"]*)"', call) for call in calls]
    return [f"{method[1].upper() if method else 'GET'} {path[1]}" for method, path in zip(methods, paths, strict=True) if path]


def run(program: list[str], script: str, folder: Path, variables: Mapping[str, str]) -> str:
    ended = subprocess.run(
        program,
        input=script,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TOKEN": TOKEN, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-2000:]}"
    return ended.stdout


@pytest.mark.parametrize("page", PAGES)
def test_the_curl_examples_do_what_they_say(api: str, folder: Path, page: str) -> None:
    if shutil.which("curl") is None:
        assert os.environ.get("CI") != "true", "curl is not installed"
        pytest.skip("curl is not installed")
    script = "\n".join(["set -euo pipefail", *(block.text for block in curl_blocks(page))])

    said = run(["bash", "-s"], script, folder, {"API": api})

    assert '"status":"finalized"' in said or any('"status":"finalized"' in path.read_text() for path in folder.glob("*.json"))


@pytest.mark.parametrize("page", PAGES)
def test_the_powershell_examples_do_what_they_say(api: str, folder: Path, page: str) -> None:
    if shutil.which("pwsh") is None:
        pytest.skip("PowerShell is not installed; the examples are compared with those for curl")
    opening = ["$ErrorActionPreference = 'Stop'", "$API = $env:API; $TOKEN = $env:TOKEN", AUTH]
    script = "\n".join([*opening, *(block.text for block in powershell_blocks(page))])
    (folder / "examples.ps1").write_text(script, encoding="utf-8")

    run(["pwsh", "-NoProfile", "-NonInteractive", "-File", "examples.ps1"], "", folder, {"API": api})


@pytest.mark.parametrize("page", PAGES)
def test_every_curl_example_has_its_twin_in_powershell(page: str) -> None:
    with_curl = [[of_curl(call) for call in curl_calls(block)] for block in curl_blocks(page)]
    with_powershell = [of_powershell(block) for block in powershell_blocks(page)]

    assert with_curl == with_powershell
    assert with_curl


@pytest.mark.parametrize("page", PAGES)
def test_every_curl_example_fails_when_its_request_does(page: str) -> None:
    careless = [call for block in curl_blocks(page) for call in curl_calls(block) if call[:2] != ["--fail-with-body", "-sS"]]

    assert careless == []


def test_the_reference_shows_every_call_of_the_api() -> None:
    text = read("docs/reference/http-api.md")
    documented = re.findall(r"^### `([A-Z]+) (/\S*)`$", text, re.MULTILINE)
    patterns = [re.compile(rf"{method} {re.sub(r'[{].*?[}]', '[^/]+', path)}") for method, path in documented]

    shown = [of_curl(call) for block in curl_blocks("docs/reference/http-api.md") for call in curl_calls(block)]

    without_query = [call.partition("?")[0] for call in shown]
    assert [pattern.pattern for pattern in patterns if not any(map(pattern.fullmatch, without_query))] == []
