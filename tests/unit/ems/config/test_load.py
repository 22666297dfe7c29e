"""ems.toml is read strictly: line, cause, guess, both languages; a bad file never rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from ems.config.load import LAST_GOOD, load_or_last_good, load_site, parse_site, remember_good
from ems.config.problem import ConfigError

EXAMPLES = Path(__file__).parents[4] / "packaging" / "examples"
GOOD = """schema = 1
[plant]
name = "Haus"
"""
BOX = """
[[steuve]]
id = "garage"
kind = "wallbox"
rated_w = 11000
device = "keba_p30"
host = "10.0.0.5"
"""


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_site(text)
    return caught.value


@pytest.mark.parametrize("name", ["relay.toml", "steuerbox.toml", "first-plant.toml"])
def test_every_example_loads(name: str) -> None:
    loaded = load_site(EXAMPLES / name, environ={})

    assert all(not problem.fatal for problem in loaded.warnings)
    assert loaded.base_dir == EXAMPLES
    assert not loaded.fallback


def test_the_first_plant_is_the_one_of_the_story() -> None:
    site = load_site(EXAMPLES / "first-plant.toml", environ={}).site

    assert [(s.id, s.kind, s.rated_w, s.priority) for s in site.steuve] == [
        ("garage", "wallbox", 11_000, 9),
        ("carport", "wallbox", 11_000, 5),
        ("yard", "wallbox", 11_000, 3),
        ("heatpump", "heatpump", 6_000, 9),
        ("battery", "battery", 5_000, 1),
    ]
    assert site.connection.contract_max_w == 43_470
    assert site.signal.sources == ("eebus", "contact")


def test_what_is_not_said_has_a_safe_default() -> None:
    site = parse_site("schema = 1").site

    assert site.signal.failsafe_limit_w == "pmin"
    assert site.signal.failsafe_duration_s == 7_200
    assert site.signal.attribution == "STEUVE_LAST"
    assert site.eebus.port == 4712
    assert site.control.escalation


def test_an_unknown_key_is_refused_with_its_line_and_a_guess() -> None:
    error = refused(GOOD + '[signal]\nsorces = ["eebus"]\n')

    assert (error.code, error.line) == ("E-CFG-004", 5)
    assert error.message == "Unbekannter Schlüssel „sorces“ in signal"
    assert error.hint == "Meinten Sie „sources“?"
    assert error.problems[0].message("en") == "Unknown key “sorces” in signal"
    assert error.problems[0].hint("en") == "Did you mean “sources”?"


def test_an_unknown_key_without_a_likeness_lists_what_is_allowed() -> None:
    error = refused("schema = 1\n[log]\nxyzzy = 1\n")

    assert error.hint == "Erlaubt sind: json_lines, level"


def test_an_unknown_section_is_refused_with_a_guess() -> None:
    error = refused("schema = 1\n[conection]\nfuse_a = 63\n")

    assert (error.code, error.line, error.hint) == ("E-CFG-004", 2, "Meinten Sie „connection“?")


def test_an_unknown_key_in_a_nested_section_is_named_with_it() -> None:
    text = 'schema = 1\n[signal.contact]\nbackend = "file"\npath = "c"\ndebonce_limit_s = 1\n'

    error = refused(text)

    assert (error.code, error.line) == ("E-CFG-004", 5)
    assert error.message == "Unbekannter Schlüssel „debonce_limit_s“ in signal.contact"
    assert error.hint == "Meinten Sie „debounce_limit_s“?"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("[signal]\nfailsafe_limit_w = -1", 3, "signal.failsafe_limit_w: -1"),
        ("[signal]\nfailsafe_limit_w = true", 3, "signal.failsafe_limit_w: True"),
        ("[signal]\nfailsafe_duration_s = 60", 3, "signal.failsafe_duration_s: 60"),
        ("[connection]\nfuse_a = nan", 3, "connection.fuse_a: nan"),
        ("[connection]\nfuse_a = inf", 3, "connection.fuse_a: inf"),
        ("[connection]\nphases = 2", 3, "connection.phases: 2"),
        ("[eebus]\nport = 70000", 3, "eebus.port: 70000"),
        ('[eebus]\nport = "4712"', 3, "eebus.port: '4712'"),
        ('[plant]\nlanguage = "fr"', 3, "plant.language: 'fr'"),
        ("meter = 3", 2, "meter: 3"),
    ],
)
def test_a_value_out_of_range_names_line_key_and_what_is_allowed(
    text: str, line: int, told: str
) -> None:
    error = refused("schema = 1\n" + text)

    assert (error.code, error.line) == ("E-CFG-006", line)
    assert error.message == f"{told} ist nicht erlaubt"
    assert error.hint.startswith("Erlaubt: ")


def test_ranges_and_words_are_told() -> None:
    error = refused('schema = 1\n[signal]\nafter_failsafe = "FREE"\nfailsafe_duration_s = 1\n')

    assert [problem.hint() for problem in error.problems] == [
        'Erlaubt: "AUTONOMOUS_UNLIMITED" | "HOLD_FAILSAFE"',
        "Erlaubt: 7200 … 86400",
    ]


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    error = refused('schema = 1\n[plant]\nname = 3\n[eebus]\nport = -1\n[log]\nlevel = "loud"\n')

    assert [problem.line for problem in error.problems] == [3, 5, 7]


def test_at_most_twenty_problems_are_told() -> None:
    error = refused("schema = 1\n" + "".join(f"key{n} = 1\n" for n in range(50)))

    assert len(error.problems) == 20


def test_a_missing_key_names_its_entry() -> None:
    error = refused(GOOD + BOX.replace("rated_w = 11000\n", ""))

    assert error.code == "E-CFG-005"
    assert error.message == "steuve.garage.rated_w fehlt"


def test_a_missing_schema_is_refused() -> None:
    assert refused("[plant]\nname = 'x'\n").code == "E-CFG-005"


def test_another_schema_is_refused() -> None:
    error = refused("schema = 2\n")

    assert (error.code, error.line, error.hint) == ("E-CFG-006", 1, "Erlaubt: 1")


def test_broken_toml_names_its_line() -> None:
    error = refused('schema = 1\n[plant\nname = "x"\n')

    assert (error.code, error.line) == ("E-CFG-003", 2)


def test_a_key_given_twice_is_refused() -> None:
    assert refused("schema = 1\nschema = 1\n").code == "E-CFG-003"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "ems.toml")

    assert caught.value.code == "E-CFG-002"
    assert str(tmp_path) in caught.value.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ems.toml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "ems.toml")

    assert caught.value.code == "E-CFG-003"


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "ems.toml").open("wb") as file:
        file.truncate(5_000_000_000)

    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path / "ems.toml")

    assert caught.value.code == "E-CFG-007"


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ems.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert load_site(path, environ={}).site.plant.name == "Haus"


# --- environment -----------------------------------------------------------------------------


def test_the_environment_overrides_plain_values() -> None:
    environ = {"EMS__EEBUS__PORT": "4713", "EMS__PLANT__NAME": "Hof", "HOME": "/root"}

    loaded = parse_site(GOOD, environ=environ)

    assert (loaded.site.eebus.port, loaded.site.plant.name) == (4713, "Hof")


def test_an_override_reaches_a_nested_section() -> None:
    environ = {
        "EMS__SIGNAL__CONTACT__BACKEND": "file",
        "EMS__SIGNAL__CONTACT__PATH": "/run/contact",
    }

    contact = parse_site(GOOD, environ=environ).site.signal.contact

    assert contact is not None
    assert contact.path == "/run/contact"


@pytest.mark.parametrize("name", ["EMS__PORT", "EMS__STEUVE__RATED_W", "EMS__EEBUS__", "EMS__"])
def test_an_override_that_fits_nowhere_is_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_site(GOOD + BOX, environ={name: "1"})

    assert caught.value.code == "E-CFG-008"


def test_the_hash_covers_file_and_overrides() -> None:
    plain = parse_site(GOOD).config_hash

    assert plain == parse_site(GOOD).config_hash
    assert plain != parse_site(GOOD + "\n").config_hash
    assert plain != parse_site(GOOD, environ={"EMS__EEBUS__PORT": "4712"}).config_hash
    assert len(plain) == 64


# --- last good copy --------------------------------------------------------------------------


def test_a_broken_new_file_never_replaces_the_running_one(tmp_path: Path) -> None:
    path, state = tmp_path / "ems.toml", tmp_path / "state"
    path.write_text(GOOD)
    remember_good(path, state)
    path.write_text(GOOD + "[plnt]\n")

    loaded = load_or_last_good(path, state, environ={})

    assert loaded.fallback
    assert loaded.site.plant.name == "Haus"
    first = loaded.warnings[0]
    assert (first.code, first.line) == ("E-CFG-001", 4)
    assert "plnt" in first.message()


def test_the_good_copy_of_another_file_never_takes_over(tmp_path: Path) -> None:
    state = tmp_path / "state"
    installed, tried = tmp_path / "ems.toml", tmp_path / "other.toml"
    installed.write_text(GOOD)
    remember_good(installed, state)
    tried.write_text("x")

    with pytest.raises(ConfigError):
        load_or_last_good(tried, state, environ={})


def test_a_good_new_file_rules_at_once(tmp_path: Path) -> None:
    path, state = tmp_path / "ems.toml", tmp_path / "state"
    path.write_text(GOOD)
    remember_good(path, state)
    path.write_text(GOOD.replace("Haus", "Hof"))

    loaded = load_or_last_good(path, state, environ={})

    assert not loaded.fallback
    assert loaded.site.plant.name == "Hof"


def test_without_a_good_copy_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ems.toml").write_text("x")

    with pytest.raises(ConfigError):
        load_or_last_good(tmp_path / "ems.toml", tmp_path / "state", environ={})


def test_a_deleted_file_leaves_the_last_good_copy_in_force(tmp_path: Path) -> None:
    path, state = tmp_path / "ems.toml", tmp_path / "state"
    path.write_text(GOOD)
    remember_good(path, state)
    path.unlink()

    assert load_or_last_good(path, state, environ={}).fallback


def test_a_broken_file_is_never_remembered_as_good(tmp_path: Path) -> None:
    path, state = tmp_path / "ems.toml", tmp_path / "state"
    path.write_text(GOOD)
    remember_good(path, state)
    path.write_text("broken")

    with pytest.raises(ConfigError):
        remember_good(path, state)

    assert (state / LAST_GOOD).read_text() == GOOD
