"""Taking command lines apart, and how much of one is looked at."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.qa.judge.features.commands import MAX_COMMAND_CHARACTERS, MAX_SIMPLE_COMMANDS, MAX_WORDS, read_line, split_words
from app.qa.judge.features.dangers import find_dangers


def split_by_shlex(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;()<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    return list(lexer)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab'\"\\ \t\r\n|&;()<>#=-$é²", max_size=30))
def test_words_are_split_as_by_a_shell(text: str) -> None:
    try:
        expected = split_by_shlex(text)
    except ValueError:
        with pytest.raises(ValueError, match="a quote never ends"):
            list(split_words(text))
    else:
        assert [word for word, _ in split_words(text)] == expected


@pytest.mark.parametrize(
    ("text", "pipelines"),
    [
        ("cd a && FOO=1 pytest -x | tail -1; ls", [["pytest", "tail"], ["ls"]]),
        ("grep ';' a | sort", [["grep", "sort"]]),
        ("# rm\nls", [["ls"]]),
        ("say 'never closed;x ; ls", [["say"], ["ls"]]),
        ("", []),
    ],
)
def test_a_line_is_taken_apart_into_pipelines(text: str, pipelines: list[list[str]]) -> None:
    found = [[one.name for one in pipeline] for pipeline in read_line(text).pipelines]

    assert found[-len(pipelines) :] == pipelines


def test_what_is_fed_from_below_knows_who_reads_it() -> None:
    line = read_line("bash <<A; psql <<'B'\nls\nA\nselect 1\nB\nls")

    assert [heredoc.body for heredoc in line.heredocs] == ["ls", "select 1"]
    assert {name for heredoc in line.heredocs for name in heredoc.programs} == {"bash", "psql"}
    assert [one.name for one in line.simple_commands] == ["bash", "psql", "ls"]


def test_of_a_long_line_only_so_much_is_looked_at() -> None:
    danger = "git push -f"

    assert find_dangers("a;" * (MAX_SIMPLE_COMMANDS - 1) + danger)
    assert not find_dangers("a;" * MAX_SIMPLE_COMMANDS + danger)
    assert not find_dangers("a " * MAX_WORDS + ";" + danger)
    assert not find_dangers("a" * MAX_COMMAND_CHARACTERS + ";" + danger)
    assert len(read_line("cat <<A\nA\n" * 800).heredocs) == MAX_SIMPLE_COMMANDS
