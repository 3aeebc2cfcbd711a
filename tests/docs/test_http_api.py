"""The HTTP reference against the application."""

from __future__ import annotations

import inspect
import re

from app import errors
from app.api.app import create_app
from app.settings import Settings
from tests.docs.markdown import headings, read, rows, section

PAGE = read("docs/reference/http-api.md")


def test_every_route_is_documented_and_no_other(settings: Settings) -> None:
    paths = create_app(settings).openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}

    documented = re.findall(r"`([A-Z]+ /\S*)`", "\n".join(headings(PAGE)))

    assert sorted(documented) == sorted(routes)


def test_every_code_of_an_error_that_http_can_answer_is_documented() -> None:
    raised = {kind.code for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.PRTelemetryError)}
    families = {errors.PRTelemetryError.code, errors.DeniedError.code, errors.ConflictError.code, errors.SettingsError.code}
    documented = {code for row in rows(section(PAGE, "Errors")) for code in re.findall(r"[a-z_]+", row[1])}

    assert raised - families <= documented
