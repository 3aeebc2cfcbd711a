"""In which order keys were used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator


class RecencyList:
    """Keys from the one used longest ago to the one used last."""

    def __init__(self) -> None:
        self._order: OrderedDict[Hashable, None] = OrderedDict()

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._order)

    def use(self, key: Hashable) -> None:
        """Make ``key`` the one used last."""
        self._order[key] = None
        self._order.move_to_end(key)

    def forget(self, key: Hashable) -> None:
        """Take ``key`` out, if it is there."""
        self._order.pop(key, None)

    def oldest(self) -> Hashable:
        """The key used longest ago.

        Raises:
            LookupError: there are no keys.
        """
        if not self._order:
            raise LookupError("no key was used yet")
        return next(iter(self._order))
