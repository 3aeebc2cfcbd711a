"""Remember what a function answered."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import ParamSpec, TypeVar

from larder.cache import Cache

P = ParamSpec("P")
R = TypeVar("R")

_MISSING = object()


def memoize(cache: Cache, *, ttl: float | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator that looks into ``cache`` before it calls. Arguments are hashable; ``None`` is remembered, errors are not."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
            key = _key(function, args, kwargs)
            found = cache.get(key, _MISSING)
            if found is not _MISSING:
                return found  # type: ignore[no-any-return]
            answer = function(*args, **kwargs)
            cache.put(key, answer, ttl=ttl)
            return answer

        return remembered

    return decorate


def _key(function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]) -> Hashable:
    return (function.__qualname__, args, tuple(sorted(kwargs.items())))
