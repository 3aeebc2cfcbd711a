"""Splits by repository."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats.writing.splits import (
    Shares,
    identities_of,
    normalised_address,
    parse_shares,
    repositories_of,
)
from app.models.trace import Repo

NAMES = st.sampled_from(["till", "shop", "Till", "larder", "x"])
HOSTS = st.sampled_from(["https://example.org/a/{}.git", "git@example.org:b/{}.git", "ssh://git@example.org/a/{}/", "{}"])
COMMITS = st.none() | st.sampled_from(["a" * 40, "b" * 40, "abc"])
REPOS = st.builds(
    lambda host, path, name, commit: Repo(name=name, url=host.format(path), commit_before=commit), HOSTS, NAMES, NAMES, COMMITS
)


@given(repos=st.lists(REPOS, max_size=12), seed=st.text(max_size=3))
def test_whatever_two_traces_share_they_are_in_one_split(repos: list[Repo], seed: str) -> None:
    shares = Shares((0.5, 0.25, 0.25), seed)
    known = {f"t-{number}": identities_of(repo) for number, repo in enumerate(repos)}

    found = {trace_id: shares.split_of(repository) for trace_id, repository in repositories_of(known).items()}

    for one, names in known.items():
        for other, others in known.items():
            assert names.isdisjoint(others) or found[one] == found[other]


@given(repos=st.lists(REPOS, max_size=12), data=st.data())
def test_the_order_of_traces_plays_no_part(repos: list[Repo], data: st.DataObject) -> None:
    known = {f"t-{number}": identities_of(repo) for number, repo in enumerate(repos)}
    shuffled = dict(data.draw(st.permutations(list(known.items()))))

    assert repositories_of(known) == repositories_of(shuffled)


def test_shares_are_about_those_that_were_asked_for() -> None:
    shares = parse_shares("0.8,0.1,0.1", "")

    splits = [shares.split_of(f"name repository-{number}") for number in range(5000)]

    found = {name: splits.count(name) / 5000 for name in shares.names}
    assert found == {
        "train": pytest.approx(0.8, abs=0.03),
        "validation": pytest.approx(0.1, abs=0.02),
        "test": pytest.approx(0.1, abs=0.02),
    }


def test_a_repository_stays_where_it_is_when_others_come() -> None:
    one = {"a": identities_of(Repo(name="till"))}
    more = {**one, **{f"b{number}": identities_of(Repo(name=f"r{number}")) for number in range(50)}}

    assert repositories_of(one)["a"] == repositories_of(more)["a"]


def test_another_seed_divides_otherwise() -> None:
    words = [f"name r{number}" for number in range(100)]
    shares = (0.5, 0.5)

    assert [Shares(shares, "1").split_of(word) for word in words] != [Shares(shares, "2").split_of(word) for word in words]


def test_a_share_of_nothing_is_no_split() -> None:
    shares = parse_shares("0.5,0,0.5", "")

    assert shares.names == ("train", "test")
    assert {shares.split_of(f"name r{number}") for number in range(100)} == {"train", "test"}


@pytest.mark.parametrize("text", ["", "0.8", "0.5,0.6", "1,0,0,0", "-1,2", "a", "nan", "inf,0", "1,"])
def test_what_is_no_division_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        parse_shares(text, "")


@pytest.mark.parametrize(
    "url",
    [
        "https://Example.org/shop/till.git",
        "git@example.org:shop/till.git",
        "ssh://git@example.org:22/shop/till/",
        "example.org:Shop/till",
    ],
)
def test_an_address_is_the_same_however_it_is_written(url: str) -> None:
    assert normalised_address(url) == "example.org/shop/till"
