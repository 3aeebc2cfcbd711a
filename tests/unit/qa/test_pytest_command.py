"""Which arguments of pytest are let through."""

from __future__ import annotations

import shlex

import pytest

from app.qa.pytest_command import PytestCommand, read_pytest_arguments


def read(text: str) -> PytestCommand:
    return read_pytest_arguments(shlex.split(text))


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("tests", ("tests",)),
        ("tests/test_a.py tests/b", ("tests/test_a.py", "tests/b")),
        ("'tests/test_a.py::TestB::test_c[x y|z]'", ("tests/test_a.py::TestB::test_c[x y|z]",)),
        ("-v tests", ("tests",)),
        ("--tb short tests", ("tests",)),
        ("-p no:randomly tests", ("tests",)),
        ("--cov pkg tests", ("tests",)),
        ("", ()),
    ],
)
def test_what_is_no_option_is_a_place(text: str, places: tuple[str, ...]) -> None:
    assert read(text).selection == places


@pytest.mark.parametrize(
    "text",
    [
        "-v",
        "-q",
        "-s",
        "-l",
        "-rA",
        "-r A",
        "-ra",
        "-W error::DeprecationWarning",
        "-Wignore",
        "--tb=short",
        "--tb short",
        "--import-mode=importlib",
        "--doctest-modules",
        "--strict-markers",
        "--pyargs",
        "--durations 5",
        "--durations=5",
        "--capture=no",
        "--showlocals",
        "--asyncio-mode auto",
        "--log-cli-level INFO",
        "--assert plain",
        "--own-option",
        "--own-option=value",
    ],
)
def test_an_option_that_does_no_harm_stays_with_its_value(text: str) -> None:
    assert read(text) == PytestCommand(options=tuple(shlex.split(text)))


@pytest.mark.parametrize(
    "text",
    [
        "-k 'a and not b'",
        "-kab",
        "-k=ab",
        "-m slow",
        "--deselect tests/a.py::t",
        "--deselect=tests/a.py::t",
        "--ignore x",
        "--ignore=x",
        "--ignore-glob=*x",
    ],
)
def test_what_leaves_tests_out_is_a_filter(text: str) -> None:
    assert read(text) == PytestCommand(filters=tuple(shlex.split(text)))


@pytest.mark.parametrize(
    "text",
    [
        "-x",
        "--exitfirst",
        "--maxfail=1",
        "--maxfail 1",
        "-p evil",
        "-pevil",
        "-p=evil",
        "-c evil.ini",
        "-cevil.ini",
        "--config-file=evil.ini",
        "-o addopts=-pevil",
        "-oaddopts=-pevil",
        "--override-ini addopts=-pevil",
        "--rootdir=/tmp",
        "--confcutdir /tmp",
        "--noconftest",
        "--junitxml=/tmp/report.xml",
        "--junit-xml report.xml",
        "-n auto",
        "-n4",
        "--dist loadfile",
        "--lf",
        "--ff",
        "--lfnf all",
        "--sw",
        "--stepwise-skip",
        "--sw-skip",
        "--collect-only",
        "--co",
        "--cov",
        "--cov=pkg",
        "--cov pkg",
        "--cov-report term-missing",
        "--cov-report=xml",
        "--cov-branch",
        "--no-cov",
        "--reruns 3",
        "--runxfail",
        "--pdb",
        "--trace",
        "--setup-plan",
        "--help",
        "-h",
        "-V",
        "--version",
        "--timeout 10",
        "@arguments.txt",
    ],
)
def test_what_would_stop_early_load_something_or_change_the_report_is_dropped(text: str) -> None:
    assert read(text) == PytestCommand(dropped=tuple(shlex.split(text)))


@pytest.mark.parametrize(
    ("text", "options", "dropped"),
    [
        ("-vv", ("-v", "-v"), ()),
        ("-xvs", ("-v", "-s"), ("-x",)),
        ("-vsx", ("-v", "-s"), ("-x",)),
        ("-vpevil", ("-v",), ("-pevil",)),
        ("-qp evil", ("-q",), ("-p", "evil")),
        ("-qcevil.ini", ("-q",), ("-cevil.ini",)),
        ("-svo addopts=-pevil", ("-s", "-v"), ("-o", "addopts=-pevil")),
        ("-vrA", ("-v", "-rA"), ()),
        ("-qW error", ("-q", "-W", "error"), ()),
    ],
)
def test_short_options_in_one_word_are_taken_apart(text: str, options: tuple[str, ...], dropped: tuple[str, ...]) -> None:
    assert read(text) == PytestCommand(options=options, dropped=dropped)


def test_a_filter_at_the_end_of_short_options_has_its_value() -> None:
    assert read("-qk 'a or b'") == PytestCommand(options=("-q",), filters=("-k", "a or b"))


def test_a_filter_and_an_option_with_the_same_value_are_told_apart() -> None:
    assert read("-k short --tb short") == PytestCommand(options=("--tb", "short"), filters=("-k", "short"))


def test_behind_two_dashes_there_are_only_places() -> None:
    assert read("-v -- -x @file -p").selection == ("-x", "-p")


def test_coverage_does_not_take_an_option_for_what_is_to_be_covered() -> None:
    assert read("--cov -v tests") == PytestCommand(("tests",), ("-v",), dropped=("--cov",))


@pytest.mark.parametrize("text", ["-k", "--tb", "-p", "--cov", "-", "''", "--"])
def test_an_argument_that_breaks_off_is_no_fault_of_ours(text: str) -> None:
    read(text)
