"""Splits by repository: no repository is in two of them, whatever it is called in one trace or another.

The hash of a repository decides, so that it stays in its split when other traces come. With few repositories the shares of
traces are far from those that were asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.models.trace import Repo

NAMES = ("train", "validation", "test")
ALL_IN_ONE = (1.0,)
_FULL_HASH = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")


@dataclass(frozen=True)
class Shares:
    """How much of all repositories each split holds: train, validation, test."""

    shares: tuple[float, ...] = ALL_IN_ONE
    seed: str = ""
    """Another seed, another division."""

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that there are, with or without traces."""
        return tuple(name for name, share in zip(NAMES, self.shares, strict=False) if share > 0)

    def split_of(self, repository: str) -> str:
        """The split that a repository belongs to."""
        digest = hashlib.sha256(f"{self.seed}\0{repository}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64 * sum(self.shares)
        for name, share in zip(NAMES, self.shares, strict=False):
            place -= share
            if place < 0:
                return name
        return self.names[-1]


def parse_shares(text: str, seed: str) -> Shares:
    """Shares such as ``0.8,0.1,0.1``.

    Raises:
        ValueError: they are not one to three numbers between 0 and 1 that add up to 1.
    """
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not 1 <= len(shares) <= len(NAMES) or any(not 0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-9:
        raise ValueError("Send up to three numbers that add up to 1, for train, validation and test, such as 0.8,0.1,0.1")
    return Shares(shares, seed)


def identities_of(repo: Repo) -> frozenset[str]:
    """Everything by which a repository may be known again: its name, its address, and the commits of the session.

    Copies of one name count as one repository: forks hold the same code.
    """
    address = normalised_address(repo.url)
    names = {repo.name, address, address.rpartition("/")[2] if address else None}
    commits = {commit for commit in (repo.commit_before, repo.commit_after) if commit and _FULL_HASH.match(commit)}
    return frozenset({f"name {name.lower()}" for name in names if name} | {f"commit {commit}" for commit in commits})


def normalised_address(url: str | None) -> str | None:
    """``host/owner/name`` of an address, however it is written."""
    if not url:
        return None
    if "://" in url:
        parts = urlsplit(url)
        place, path = parts.hostname or "", parts.path
    else:
        place, _, path = url.rpartition("@")[2].partition(":")
    return f"{place}/{path.strip('/').removesuffix('.git')}".strip("/").lower()


def repositories_of(known_by: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """For each trace, one word for its repository: two traces have the same one if anything that they are known by agrees,
    also by way of a third."""
    leaders: dict[str, str] = {}
    for identities in known_by.values():
        _join(leaders, sorted(identities))
    return {trace_id: _leader(leaders, min(names)) if names else trace_id for trace_id, names in known_by.items()}


def _join(leaders: dict[str, str], identities: Iterable[str]) -> None:
    first: str | None = None
    for identity in identities:
        if first is None:
            first = identity
        one, other = sorted((_leader(leaders, first), _leader(leaders, identity)))
        # the least word leads, in whatever order traces come
        leaders[other] = one


def _leader(leaders: dict[str, str], identity: str) -> str:
    path = []
    while leaders.setdefault(identity, identity) != identity:
        path.append(identity)
        identity = leaders[identity]
    for passed in path:
        leaders[passed] = identity
    return identity
