from __future__ import annotations

from dataclasses import replace

import pytest

from eebus.ship.discovery import (
    ServiceRecord,
    build_txt,
    parse_txt,
    txt_properties,
    txt_rdata,
)
from eebus.ship.ski import Ski
from eebus.wire.errors import LocalUseError

SKI = Ski("b467a3999eb5efa671de0032f08a9c9e5efda0e1")
OURS = ServiceRecord(ski=SKI, ship_id="i:98765_u:EMS-0007", brand="OpenEMS", categories=(2,))


def txt(*strings: str) -> bytes:
    return txt_rdata([string.encode() for string in strings])


FULL = (
    "txtvers=1",
    "id=ExampleBrand-EEB01M3EU-001122334455",
    "path=/ship/",
    "ski=B467A3999EB5EFA671DE0032F08A9C9E5EFDA0E1",
    "register=true",
    "brand=Öhm=Werke",
    "type=ChargingStation",
    "model=M3",
    "serial=0011",
    "cat=3,7",
    "vendorKey=whatever",
    "flag",
)


def test_a_full_record_is_read() -> None:
    assert parse_txt(txt(*FULL)) == ServiceRecord(
        ski=SKI,
        ship_id="ExampleBrand-EEB01M3EU-001122334455",
        path="/ship/",
        register=True,
        brand="Öhm=Werke",
        device_type="ChargingStation",
        model="M3",
        serial="0011",
        categories=(3, 7),
    )


def test_keys_are_read_in_any_case_and_order_and_the_first_of_equals_counts() -> None:
    record = parse_txt(
        txt(f"SKI={SKI}", "ID=first", "id=second", "Path=/", "TXTVERS=1", "REGISTER=maybe")
    )

    assert record == ServiceRecord(ski=SKI, ship_id="first", path="/", register=False)


@pytest.mark.parametrize(
    "changed",
    [
        {"txtvers": "2"},
        {"txtvers": "01"},
        {"id": ""},
        {"id": "x" * 64},
        {"id": "line\nbreak"},
        {"path": "ship/"},
        {"path": "/" + "x" * 32},
        {"path": ""},
        {"ski": SKI[:-1]},
        {"ski": "g" * 40},
    ],
)
def test_a_record_without_usable_mandatory_keys_is_ignored(changed: dict[str, str]) -> None:
    keys = {"txtvers": "1", "id": "BOX-1", "path": "/ship/", "ski": SKI} | changed

    assert parse_txt(txt(*(f"{key}={value}" for key, value in keys.items()))) is None


@pytest.mark.parametrize("missing", ["txtvers", "id", "path", "ski"])
def test_a_missing_mandatory_key_makes_a_record_unusable(missing: str) -> None:
    keys = {"txtvers": "1", "id": "BOX-1", "path": "/ship/", "ski": SKI}
    del keys[missing]

    assert parse_txt(txt(*(f"{key}={value}" for key, value in keys.items()))) is None


def test_texts_of_a_peer_are_cut_and_cleaned_for_the_screen() -> None:
    record = parse_txt(txt(*FULL[:4], "brand=" + "x" * 40, "model=\x1b[31mred", "cat=1,,x,²,-3"))

    assert record is not None
    assert record.brand == "x" * 32
    assert record.model == ""
    assert record.categories == (1,)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x05abc",
        b"\xff",
        txt(*FULL, "padding=" + "x" * 240, "more=" + "x" * 60),
    ],
    ids=["empty", "cut short", "length only", "over 400 bytes"],
)
def test_malformed_records_are_ignored(raw: bytes) -> None:
    assert parse_txt(raw) is None


def test_undecodable_strings_are_skipped() -> None:
    strings = [*(string.encode() for string in FULL[:4]), b"brand=\xff\xfe", b"\xff=1", b"=x"]

    record = parse_txt(txt_rdata(strings))

    assert record is not None
    assert record.brand == ""


def test_our_record_starts_with_its_version_and_never_registers() -> None:
    assert build_txt(OURS)[0] == b"txtvers=1"
    assert txt_properties(OURS) == {
        "txtvers": "1",
        "id": "i:98765_u:EMS-0007",
        "path": "/ship/",
        "ski": SKI,
        "register": "false",
        "brand": "OpenEMS",
        "cat": "2",
    }
    with pytest.raises(LocalUseError, match="auto accept"):
        build_txt(replace(OURS, register=True))


@pytest.mark.parametrize(
    "wrong",
    [
        replace(OURS, ship_id=""),
        replace(OURS, ship_id="x" * 64),
        replace(OURS, ship_id="a;b"),
        replace(OURS, brand="ö" * 17),
        replace(OURS, model="a;b"),
        replace(OURS, serial="a\u200bb"),
        replace(OURS, path="ship/"),
    ],
)
def test_our_own_record_is_written_strictly(wrong: ServiceRecord) -> None:
    with pytest.raises(LocalUseError):
        build_txt(wrong)


def test_our_own_record_fits_into_four_hundred_bytes() -> None:
    with pytest.raises(LocalUseError, match="400"):
        build_txt(replace(OURS, categories=tuple(range(200))))


def test_without_categories_we_are_an_ems() -> None:
    assert txt_properties(replace(OURS, categories=()))["cat"] == "2"
