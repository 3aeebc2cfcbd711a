"""Parts of a set of traces."""

from __future__ import annotations

from app.rules.agreement.splits import length_quartiles, split


def test_traces_are_parted_by_what_is_known_of_them() -> None:
    found = split(["a", "b", "c", "d"], {"a": "passed", "b": "failed", "c": "passed", "elsewhere": "passed"})

    assert found == {"failed": {"b"}, "passed": {"a", "c"}}
    assert list(found) == ["failed", "passed"]


def test_lengths_fall_into_quarters_that_say_their_bounds() -> None:
    found = length_quartiles({f"t-{length}": length for length in range(1, 9)})

    assert found["t-1"] == found["t-2"] == "1st quartile, 1–2 events"
    assert found["t-3"] == found["t-4"] == "2nd quartile, 3–4 events"
    assert found["t-5"] == found["t-6"] == "3rd quartile, 5–6 events"
    assert found["t-7"] == found["t-8"] == "4th quartile, 7–8 events"


def test_traces_of_one_length_fall_into_one_quarter() -> None:
    assert set(length_quartiles({"a": 5, "b": 5, "c": 5, "d": 5}).values()) == {"1st quartile, 5–5 events"}


def test_no_lengths_have_no_quarters() -> None:
    assert length_quartiles({}) == {}
