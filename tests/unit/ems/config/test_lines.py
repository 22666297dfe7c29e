"""Keys are found in the text again, whatever strings and arrays lie between."""

from __future__ import annotations

from ems.config.lines import key_lines, line_of

TEXT = '''\
# a comment = nothing
top = 1
[a.b]
"quoted key" = 2
x.y = 3
text = """
[no.table]
no_key = 1
"""
list = [
  "one", # [comment]
  "two = 2",
]
after = "[[x]]"
[[entry]]
id = "first"
[[entry]]
id = "second"
[entry.inner]
deep = 1
'''


def test_keys_and_tables_are_found() -> None:
    lines = key_lines(TEXT)

    assert lines[("top",)] == 2
    assert lines[("a", "b")] == 3
    assert lines[("a", "b", "quoted key")] == 4
    assert lines[("a", "b", "x", "y")] == 5
    assert lines[("a", "b", "after")] == 14
    assert lines[("entry", 0, "id")] == 16
    assert lines[("entry", 1)] == 17
    assert lines[("entry", 1, "id")] == 18


def test_what_lies_inside_strings_and_arrays_is_no_key() -> None:
    lines = key_lines(TEXT)

    assert ("no", "table") not in lines
    assert all("no_key" not in path for path in lines)


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    lines = key_lines(TEXT)

    assert line_of(lines, ("entry", 1, "missing")) == 17
    assert line_of(lines, ("nothing",)) is None
