"""SunSpec: finding models and placing points."""

from __future__ import annotations

from drivers.modbus import sunspec
from drivers.modbus.mapfile import load_map
from drivers.modbus.registers import encode


def walked(words: dict[int, int], bases: tuple[int, ...]) -> dict[int, int]:
    walk = sunspec.Walk(bases)
    for _ in range(200):
        if walk.wanted is None:
            break
        address, count = walk.wanted
        there = [words.get(address + i) for i in range(count)]
        walk.answer(None if None in there else [word for word in there if word is not None])
    assert walk.done
    return walk.found


def test_the_chain_of_models_is_followed_to_its_end() -> None:
    image = sunspec.simulated(load_map("sunspec_storage"))

    found = walked(image.words, (0, 40_000))

    assert found == {1: 40_002, 103: 40_070, 124: 40_122}


def test_a_device_without_the_marker_has_no_models() -> None:
    assert walked({40_000: 1, 40_001: 2}, (40_000, 0)) == {}


def test_a_chain_that_never_ends_is_left_after_a_bounded_number_of_models() -> None:
    endless = {40_000: 0x5375, 40_001: 0x6E53}
    endless |= {address: (7 if address % 2 == 0 else 0) for address in range(40_002, 41_000)}

    assert walked(endless, (40_000,)) == {7: 40_002}


def test_scale_factors_of_the_device_become_the_scale_of_the_point() -> None:
    found = {103: 100, 124: 200}
    resolved = sunspec.resolve(
        load_map("sunspec_storage"), found, {"charge_rate": -2, "ac_power": 1}
    )

    assert resolved.points["charge_rate"].address == 213
    assert encode(resolved.points["charge_rate"], 84) == [8400]
    assert encode(resolved.points["ac_power"], -4_800) == [0xFFFF & -480]
    assert resolved.points["serial"].forbidden


def test_the_first_model_present_serves_a_point() -> None:
    meter = load_map("sunspec_meter")

    as_float = sunspec.resolve(meter, {213: 50}, {})

    assert as_float.points["power"].type == "float32"
    assert as_float.points["power"].address == 78


def test_a_scale_factor_that_is_not_implemented_counts_as_one() -> None:
    assert sunspec.exponents_of({"a": 0x8000, "b": 0xFFFE, "c": 2, "d": 900}) == {
        "a": 0,
        "b": -2,
        "c": 2,
        "d": 10,
    }
