"""``RepoPath``: a path inside a repository, as part of the language."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from app.utils.paths import normalise_path


def _validate(text: str) -> str:
    try:
        return normalise_path(text)
    except ValueError as error:
        raise PydanticCustomError("dangerous_path", "{reason}", {"reason": str(error)}) from None


RepoPath = Annotated[str, AfterValidator(_validate)]
"""A relative, normalised path inside the repository."""
