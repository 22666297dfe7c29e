"""Device maps are strict, and say file and key when they are wrong."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from drivers.api import SetupError
from drivers.modbus.mapfile import known_maps, load_map, parse_map, read_yaml

GOOD: dict[str, object] = {
    "schema": 1,
    "id": "example",
    "kind": "wallbox",
    "manufacturer": "Example",
    "models": ["X1"],
    "confidence": "vendor",
    "priority": 3,
    "transport": {"type": "modbus_tcp", "word_order": "little", "default_reg": "input"},
    "points": {
        "power": {"address": 110, "type": "int32", "unit": "W"},
        "current_limit": {"reg": "holding", "address": 200, "scale": 0.1, "access": "rw"},
    },
    "control": {"set_current": [{"set": "current_limit", "value": "{limit_a}"}]},
    "sources": ["made up"],
}


def changed(*path: str, value: object) -> dict[str, object]:
    document = copy.deepcopy(GOOD)
    place: dict[str, object] = document
    for key in path[:-1]:
        place = place.setdefault(key, {})  # type: ignore[assignment]
    place[path[-1]] = value
    return document


@pytest.mark.parametrize("name", sorted(known_maps()))
def test_every_map_in_the_package_is_valid_and_named_like_its_file(name: str) -> None:
    assert load_map(name).id == name
    assert load_map(name).sources


def test_points_inherit_space_and_word_order_from_the_transport() -> None:
    points = parse_map(GOOD, source="example.yaml").points

    assert (points["power"].reg, points["power"].word_order) == ("input", "little")
    assert (points["current_limit"].reg, points["current_limit"].word_order) == (
        "holding",
        "little",
    )


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (changed("colour", value="red"), "example.yaml: colour: Extra inputs"),
        (changed("points", "power", "adress", value=1), "example.yaml: points.power.adress"),
        (changed("points", "power", "address", value=70_000), "points.power.address"),
        (changed("points", "power", "scale", value=0), "points.power.scale"),
        (changed("points", "power", "type", value="int24"), "points.power.type"),
        (changed("points", "power", value={"type": "int16"}), "points.power: address is missing"),
        (changed("transport", "type", value="pigeon"), "transport.type"),
        (changed("kind", value="toaster"), "example.yaml: kind"),
        (
            changed("control", "pause", value=[{"set": "enable", "value": 0}]),
            "unknown point enable",
        ),
        (
            changed("control", "pause", value=[{"set": "power", "value": 0}]),
            "power may not be written",
        ),
        (changed("control", "pause", value=[{"set": "current_limit"}]), "either value or raw"),
        (
            changed("control", "pause", value=[{"set": "current_limit", "value": "1 +"}]),
            "control.pause",
        ),
        (changed("control", "pause", value=[{"shout": 1}]), "example.yaml: control.pause"),
        (changed("keepalive", "kind", value="eebus_heartbeat"), "keepalive.kind"),
        (changed("sources", value=[]), "example.yaml: sources"),
        (
            changed(
                "control",
                "pause",
                value=[{"block_write": 1, "points": ["current_limit"], "values": [1, 2]}],
            ),
            "1 points but 2 values",
        ),
        (
            changed("control", "init", value=[{"read": "nothing", "expect": 1}]),
            "unknown point nothing",
        ),
    ],
)
def test_a_wrong_map_names_file_and_key(document: dict[str, object], text: str) -> None:
    with pytest.raises(SetupError, match=r"^example\.yaml: ") as caught:
        parse_map(document, source="example.yaml")

    assert text in str(caught.value)


def test_an_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(SetupError, match="keba_p30"):
        load_map("keba_p31")


def test_a_child_map_wins_key_by_key_over_its_parent() -> None:
    child, parent = load_map("mennekes_icc"), load_map("bender_ecu")

    assert child.points["current_limit"].address == 1001
    assert parent.points["current_limit"].address == 1000
    assert child.points["power"] == parent.points["power"]
    assert child.failsafe == parent.failsafe
    assert child.control is not None
    assert child.control.granularity_a == 0.1


def test_files_that_are_no_maps_are_set_up_errors(tmp_path: Path) -> None:
    for name, text in (("a.yaml", "- 1"), ("b.yaml", "a: ["), ("c.yaml", "\x00")):
        (tmp_path / name).write_text(text)
        with pytest.raises(SetupError, match=name):
            read_yaml(tmp_path / name)
    with pytest.raises(SetupError, match="nowhere"):
        read_yaml(tmp_path / "nowhere.yaml")


def test_lines_with_a_colon_are_still_texts() -> None:
    document = changed("setup", value=[{"In the app": "switch it on"}, "then wait"])

    assert parse_map(document, source="example.yaml").setup == (
        "In the app: switch it on",
        "then wait",
    )
