"""Who may call."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.errors import MissingCredentialsError, WrongCredentialsError
from app.utils.auth import bearer_token, same_secret

_scheme = HTTPBearer(auto_error=False, description="The server's `API_TOKEN`.")


def require_token(request: Request, _shown_in_docs: Annotated[object, Depends(_scheme)]) -> None:
    """Let the bearer of the server's token pass; anybody, where the server runs open on loopback.

    Raises:
        MissingCredentialsError: there is no usable Authorization header.
        WrongCredentialsError: the token is another one.
    """
    expected = request.app.state.settings.api_token
    if expected is None:
        return
    given = bearer_token(request.headers.get("authorization"))
    if given is None:
        raise MissingCredentialsError
    if not same_secret(given, expected.get_secret_value()):
        raise WrongCredentialsError
