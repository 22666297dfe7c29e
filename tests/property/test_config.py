"""No text makes the configuration do anything but load or explain itself."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ems.config.lines import key_lines
from ems.config.load import parse_site
from ems.config.problem import ConfigError
from ems.config.schema import Site

EXAMPLE = (Path(__file__).parents[2] / "packaging/examples/first-plant.toml").read_text()
LINES = EXAMPLE.split("\n")
values = st.sampled_from(
    [
        "-1",
        "0",
        "nan",
        "inf",
        "1e999",
        "true",
        '""',
        '"x"',
        "[]",
        "{}",
        "1979-05-27",
        "[[1]]",
        "99999999999999999999",
    ]
)


def explained(text: str) -> ConfigError | None:
    """The error of a text, if there is one; it must speak both languages."""
    try:
        loaded = parse_site(text)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.fatal
            assert problem.message("de")
            assert problem.hint("en")
            assert problem.line is None or 1 <= problem.line <= text.count("\n") + 1
            assert not re.search(r"\{[a-z_]+\}", problem.hint("de"))
        return error
    assert isinstance(loaded.site, Site)
    return None


@settings(deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_loads_or_explains_itself(text: str) -> None:
    explained(text)


@settings(max_examples=150, deadline=None)
@given(row=st.integers(0, len(LINES) - 1), value=values)
def test_any_value_in_any_place_loads_or_names_its_line(row: int, value: str) -> None:
    key, equals, _ = LINES[row].partition("=")
    if not equals or key.lstrip().startswith("#"):
        return
    changed = [*LINES[:row], f"{key}= {value}", *LINES[row + 1 :]]

    error = explained("\n".join(changed))

    if error is not None:
        assert error.line is not None


@settings(max_examples=100, deadline=None)
@given(row=st.integers(0, len(LINES) - 1), place=st.integers(0, 80), noise=st.text(max_size=5))
def test_any_noise_in_a_good_file_loads_or_explains_itself(
    row: int, place: int, noise: str
) -> None:
    line = LINES[row]
    changed = [*LINES[:row], line[:place] + noise + line[place:], *LINES[row + 1 :]]

    explained("\n".join(changed))


@settings(deadline=None)
@given(keep=st.sets(st.integers(0, len(LINES) - 1)))
def test_any_selection_of_lines_loads_or_explains_itself(keep: set[int]) -> None:
    explained("\n".join(line for number, line in enumerate(LINES) if number in keep))


@given(text=st.text(alphabet="ab=[]{}\"'\n\\#., 1", max_size=120))
def test_looking_for_lines_never_fails(text: str) -> None:
    lines = key_lines(text)

    assert all(1 <= number <= text.count("\n") + 1 for number in lines.values())
