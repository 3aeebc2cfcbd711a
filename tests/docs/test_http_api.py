"""The HTTP reference against the application."""

from __future__ import annotations

import re
from http import HTTPStatus

from app.api.app import create_app
from app.errors import PRTelemetryError
from app.settings import Settings
from tests.docs.markdown import headings, read, rows, section
from tests.e2e.server import ROOT

PAGE = read("docs/reference/http-api.md")


def test_every_route_is_documented_and_no_other(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    documented = re.findall(r"`([A-Z]+ /\S*)`", "\n".join(headings(PAGE)))

    assert sorted(documented) == sorted(routes)


FAMILIES = {"error", "denied", "forbidden", "conflict", "settings"}
INSIDE = {
    "not_canonical": "the models refuse such numbers at the door",
    "revision_conflict": "no call raises it",
    "sandbox_unavailable": "an outcome of a run",
}
"""Codes that no answer holds, and why."""


def kinds(family: type[PRTelemetryError]) -> set[type[PRTelemetryError]]:
    return {family}.union(*map(kinds, family.__subclasses__()))


def test_every_code_of_an_error_that_http_can_answer_is_documented() -> None:
    raised = {kind.code for kind in kinds(PRTelemetryError) if kind.__module__.startswith("app.")}
    documented = {code for row in rows(section(PAGE, "Errors")) for code in re.findall(r"[a-z_]+", row[1])}

    assert raised - FAMILIES - INSIDE.keys() <= documented


def test_no_code_is_documented_that_is_nowhere_in_the_program() -> None:
    program = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    by_status = {HTTPStatus(status).name.lower() for status in (404, 405)}  # the framework's own answers
    documented = {code for row in rows(section(PAGE, "Errors")) for code in re.findall(r"[a-z_]+", row[1])}

    assert [code for code in documented - by_status if f'"{code}"' not in program] == []
