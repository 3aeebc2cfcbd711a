from __future__ import annotations

import pytest

from app.qa.frameworks.reporting import tell_where

PLACE = "/tmp/k.xml"


def told(command: str) -> tuple[str, ...] | None:
    telling = tell_where(command.split(), PLACE)
    return telling.argv if telling is not None else None


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("npx vitest run src", f"npx vitest run src --reporter=default --reporter=junit --outputFile.junit={PLACE}"),
        ("vitest --reporter dot", f"vitest --reporter=default --reporter=junit --outputFile.junit={PLACE}"),
        ("php vendor/bin/phpunit -v tests", f"php vendor/bin/phpunit --log-junit {PLACE} -v tests"),
        ("gotestsum --junitfile=mine.xml -- ./...", f"gotestsum --junitfile={PLACE} -- ./..."),
        ("deno test --allow-read", f"deno test --junit-path={PLACE} --allow-read"),
        ("bun test a.test.ts", f"bun test --reporter=junit --reporter-outfile={PLACE} a.test.ts"),
    ],
)
def test_runners_are_told_where_to_leave_their_report(command: str, expected: str) -> None:
    assert told(command) == tuple(expected.split())


@pytest.mark.parametrize(
    "command", ["node --test", "/usr/bin/node --import ./a.mjs --test --test-reporter tap test", "nodejs --test a.js"]
)
def test_node_is_given_a_reporter_that_names_files(command: str) -> None:
    argv = told(command)

    assert argv is not None
    assert argv[0] == command.split()[0]
    assert argv[3].startswith("--test-reporter=data:text/javascript;base64,")
    assert f"--test-reporter-destination={PLACE}" in argv
    assert "tap" not in argv


@pytest.mark.parametrize(
    "command", ["node test.js --test", "node -r --test test.js", "npm test", "make check", "go test ./...", "mvn -q test"]
)
def test_other_commands_are_left_as_they_are(command: str) -> None:
    assert told(command) is None


def test_jest_is_told_by_its_environment() -> None:
    telling = tell_where(["npx", "jest", "--reporters=jest-junit"], PLACE)

    assert telling is not None
    assert telling.argv == ("npx", "jest", "--reporters=jest-junit")
    assert telling.env["JEST_JUNIT_OUTPUT_FILE"] == PLACE
    assert not telling.always_reports
