"""A suite that is not Python's, from the trace to the verdict: Node's own test runner, in real containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api.app import create_app
from app.settings import Settings
from tests.builders import a_repo, a_session, a_tar, an_edit
from tests.conftest import AUTH, TOKEN

pytestmark = pytest.mark.docker
GZIP = {"Content-Type": "application/gzip"}
COMMAND = "node --test"
TILL = "exports.total = (cents) => cents.reduce((sum, price) => sum + price, 1);\nexports.name = () => 'till';\n"
FIX = an_edit(
    "till.js",
    "@@ -1,2 +1,2 @@\n"
    "-exports.total = (cents) => cents.reduce((sum, price) => sum + price, 1);\n"
    "+exports.total = (cents) => cents.reduce((sum, price) => sum + price, 0);\n"
    " exports.name = () => 'till';\n",
)
REPO = {
    "till.js": TILL,
    "test/till.test.js": """
        const { describe, it, test } = require('node:test');
        const assert = require('node:assert');
        const { name, total } = require('../till.js');
        describe('a "total" <of> prices', () => {
            it('is nothing for nothing', () => assert.equal(total([]), 0));
            it('adds [1, 2] & more', () => assert.equal(total([1, 2, 3]), 6));
            it.todo('rounds');
        });
        test('has a name', () => assert.equal(name(), 'till'));
    """,
    "test/other.test.js": "require('node:test')('has a name', () => {});\n",
    # of an earlier run, on another machine
    "junit.xml": '<testsuites><testsuite name="old"><testcase name="stale"/></testsuite></testsuites>',
}
TURNED = (
    'test/till.test.js::a "total" <of> prices::is nothing for nothing',
    'test/till.test.js::a "total" <of> prices::adds [1, 2] & more',
)


@pytest.fixture
def client(node_image: str, tmp_path: Path) -> Iterator[TestClient]:
    """A server whose sandbox has Node.js."""
    settings = Settings(
        api_token=SecretStr(TOKEN),
        data_dir=tmp_path / "data",
        judge="off",
        runner_image=node_image,
        reruns=1,
        warm_sandboxes=0,
    )
    with TestClient(create_app(settings), headers=AUTH, base_url="http://localhost") as client:
        yield client


def verified(client: TestClient, files: dict[str, str], *events: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What is found out about a repository and a session."""
    session = a_session(events=list(events), repo=a_repo(test_command=COMMAND), **more)
    client.post("/traces", json=session).raise_for_status()
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(files), headers=GZIP).raise_for_status()
    response = client.post("/traces/t-1/finalize")
    assert response.status_code == 200, response.text
    verification: dict[str, Any] = response.json()["qa_results"]["verification"]
    return verification


def test_a_fix_is_seen_to_fix(client: TestClient) -> None:
    task = {"known_failing_tests": ['a "total" <of> prices > adds [1, 2] & more', TURNED[0]]}

    verification = verified(client, REPO, FIX, task=task)

    assert (verification["verdict"], verification["tests_passed"]) == ("fixed", True)
    assert "by the command's own report" in verification["reason"]
    assert verification["after"]["evidence"] == "report"
    assert set(verification["fail_to_pass"]) == set(TURNED)
    assert verification["pass_to_pass"] == ["test/other.test.js::has a name", "test/till.test.js::has a name"]
    assert verification["after"]["tests"]['test/till.test.js::a "total" <of> prices::rounds'] == "skipped"


def test_a_session_that_mends_nothing_is_seen_to_fail(client: TestClient) -> None:
    unhelpful = an_edit("till.js", FIX["data"]["diff"].replace("price, 0)", "price, 2)"))

    verification = verified(client, REPO, unhelpful)

    assert (verification["verdict"], verification["tests_passed"]) == ("not_fixed", False)


def test_a_fix_that_breaks_another_test_is_seen_to_break_it(client: TestClient) -> None:
    diff = FIX["data"]["diff"].replace(" exports.name = () => 'till';\n", "-exports.name = () => 'till';\n+exports.name = 1;\n")

    verification = verified(client, REPO, an_edit("till.js", diff))

    assert verification["verdict"] == "regressed"
    assert "test/till.test.js::has a name" in verification["reason"]


def test_a_file_that_ends_before_its_tests_is_no_passing_suite(client: TestClient) -> None:
    diff = FIX["data"]["diff"].replace(" exports.name = () => 'till';\n", "-exports.name = () => 'till';\n+process.exit(0);\n")

    verification = verified(client, REPO, an_edit("till.js", diff))

    assert verification["verdict"] == "regressed"
    assert verification["tests_passed"] is False
