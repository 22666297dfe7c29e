from __future__ import annotations

import timeit
from decimal import Decimal
from typing import Annotated, Any, NewType

import msgspec
import pytest

from eebus.wire import ejson
from eebus.wire.codec import from_eebus, to_eebus
from eebus.wire.ejson import JsonValue
from eebus.wire.errors import LocalUseError, WireError
from eebus.wire.openenum import OpenEnum, named
from eebus.wire.scaled import ScaledNumber

LimitId = NewType("LimitId", int)


class Unit(OpenEnum):
    WATT = named("W")


class Tag(msgspec.Struct, frozen=True):
    pass


class Period(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    end_time: str | None = None


class Limit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit_id: LimitId | None = None
    is_limit_active: bool | None = None
    time_period: Period | None = None
    value: ScaledNumber | None = None
    unit: Unit | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    entries: tuple[Limit, ...] | None = msgspec.field(default=None, name="loadControlLimitData")


class Mixed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    entity: tuple[int, ...] = ()
    names: list[str] | None = None
    partial: Tag | None = None
    factor: float | None = None
    label: Annotated[str, "free text"] | None = None
    anything: Any = None
    child: Mixed | None = None


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    msg_counter: int
    either: int | str | None = None


class Checked(msgspec.Struct, frozen=True):
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("negative")


LIMITS = Limits(
    entries=(
        Limit(
            limit_id=LimitId(0),
            is_limit_active=False,
            time_period=Period(end_time="PT2H"),
            value=ScaledNumber(number=42, scale=2),
            unit=Unit.WATT,
        ),
        Limit(limit_id=LimitId(1)),
    )
)
LIMITS_WIRE: JsonValue = [
    {
        "loadControlLimitData": [
            [
                {"limitId": 0},
                {"isLimitActive": False},
                {"timePeriod": [{"endTime": "PT2H"}]},
                {"value": [{"number": 42}, {"scale": 2}]},
                {"unit": "W"},
            ],
            [{"limitId": 1}],
        ]
    }
]


def test_objects_become_arrays_of_one_member_objects_in_wire_order() -> None:
    assert to_eebus(LIMITS) == LIMITS_WIRE
    assert from_eebus(LIMITS_WIRE, Limits) == LIMITS


def test_open_enumerations_come_back_as_their_type_and_leave_as_plain_text() -> None:
    read = from_eebus([{"unit": "i:98765_x"}], Limit)

    assert isinstance(read.unit, Unit)
    written = to_eebus(read)
    assert written == [{"unit": "i:98765_x"}]
    assert type(written[0]["unit"]) is str  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("struct", "wire"),
    [
        (Mixed(), []),
        (Mixed(entity=(1, 1)), [{"entity": [1, 1]}]),
        (Mixed(names=[]), [{"names": []}]),
        (Mixed(names=["[]"]), [{"names": ["[]"]}]),
        (Mixed(partial=Tag()), [{"partial": []}]),
        (Mixed(factor=0.5, label=""), [{"factor": 0.5}, {"label": ""}]),
        (Mixed(anything={"datagram": [{"a": 1}]}), [{"anything": {"datagram": [{"a": 1}]}}]),
        (Mixed(child=Mixed(child=Mixed())), [{"child": [{"child": []}]}]),
        (Limits(entries=()), [{"loadControlLimitData": []}]),
        (Limits(entries=(Limit(),)), [{"loadControlLimitData": [[]]}]),
    ],
)
def test_empty_and_nested_forms_survive_the_round_trip(
    struct: msgspec.Struct, wire: JsonValue
) -> None:
    assert to_eebus(struct) == wire
    assert from_eebus(wire, type(struct)) == struct


@pytest.mark.parametrize(
    ("wire", "struct"),
    [
        ({}, Limit()),
        ({"limitId": 0, "isLimitActive": True}, Limit(limit_id=LimitId(0), is_limit_active=True)),
        ([{"isLimitActive": True, "limitId": 0}], Limit(limit_id=LimitId(0), is_limit_active=True)),
        ([{"vendorX": [1, {"y": []}]}, {"limitId": 3}], Limit(limit_id=LimitId(3))),
        ([{"limitId": None}], Limit()),
        ([{"value": {}}], Limit(value=ScaledNumber())),
    ],
)
def test_objects_are_read_in_every_form_the_field_sends(wire: JsonValue, struct: Limit) -> None:
    assert from_eebus(wire, Limit) == struct


@pytest.mark.parametrize(
    "entries",
    [
        [[{"limitId": 0}, {"isLimitActive": True}]],
        [{"limitId": 0, "isLimitActive": True}],
        [{"limitId": 0}, {"isLimitActive": True}],
        {"limitId": 0, "isLimitActive": True},
        [None, [{"limitId": 0}, {"isLimitActive": True}]],
    ],
)
def test_a_list_of_one_entry_is_read_with_and_without_its_brackets(entries: JsonValue) -> None:
    read = from_eebus([{"loadControlLimitData": entries}], Limits)

    assert read == Limits(entries=(Limit(limit_id=LimitId(0), is_limit_active=True),))


def test_plain_objects_with_repeated_names_are_several_entries() -> None:
    read = from_eebus([{"loadControlLimitData": [{"limitId": 0}, {"limitId": 1}]}], Limits)

    assert read.entries == (Limit(limit_id=LimitId(0)), Limit(limit_id=LimitId(1)))


def test_empty_and_single_values_fit_into_lists() -> None:
    assert from_eebus([{"loadControlLimitData": {}}], Limits) == Limits(entries=())
    assert from_eebus([{"entity": 1}], Mixed) == Mixed(entity=(1,))


def test_a_repeated_list_element_is_appended() -> None:
    wire: JsonValue = [{"entity": [1]}, {"entity": [2]}]

    assert from_eebus(wire, Mixed) == Mixed(entity=(1, 2))


@pytest.mark.parametrize(
    ("wire", "path"),
    [
        ([{"limitId": "0"}], "limitId"),
        ([{"limitId": 1.0}], "limitId"),
        ([{"limitId": True}], "limitId"),
        ([{"isLimitActive": 1}], "isLimitActive"),
        ([{"unit": 5}], "unit"),
        ([{"value": [{"number": "42"}]}], "value/number"),
        ([{"value": 42}], "value"),
        ([{"value": [42]}], "value"),
        ([{"limitId": 0}, {"limitId": 1}], "limitId"),
        ("limit", ""),
        (None, ""),
    ],
)
def test_a_fault_is_reported_with_its_path(wire: JsonValue, path: str) -> None:
    with pytest.raises(WireError) as error:
        from_eebus(wire, Limit)

    assert error.value.path == path


def test_a_fault_in_a_list_is_reported_with_its_path() -> None:
    with pytest.raises(WireError) as error:
        from_eebus([{"loadControlLimitData": [[{"value": [{"scale": "0"}]}]]}], Limits)

    assert error.value.path == "loadControlLimitData/value/scale"


@pytest.mark.parametrize("wire", [[{"factor": "1"}], [{"factor": True}], [{"label": 1}]])
def test_leaves_of_another_type_are_faults(wire: JsonValue) -> None:
    with pytest.raises(WireError):
        from_eebus(wire, Mixed)


def test_whole_numbers_are_numbers_with_a_fraction_too() -> None:
    assert from_eebus([{"factor": 2}], Mixed) == Mixed(factor=2.0)


def test_faults_can_be_collected_instead_of_raised() -> None:
    faults: list[str] = []

    read = from_eebus(
        [
            {
                "loadControlLimitData": [
                    [{"limitId": 0}, {"value": [{"number": 1.5}, {"scale": 0}]}],
                    "nonsense",
                    [{"limitId": 1}, {"isLimitActive": "yes"}],
                ]
            }
        ],
        Limits,
        faults=faults,
    )

    assert read.entries == (
        Limit(limit_id=LimitId(0), value=ScaledNumber(scale=0)),
        Limit(limit_id=LimitId(1)),
    )
    assert faults == [
        "loadControlLimitData/value/number",
        "loadControlLimitData",
        "loadControlLimitData/isLimitActive",
    ]


def test_a_missing_required_element_always_raises() -> None:
    with pytest.raises(WireError, match="msg_counter"):
        from_eebus([], Header, faults=[])


def test_a_union_of_several_types_is_passed_through() -> None:
    assert from_eebus([{"msgCounter": 1}, {"either": "x"}], Header).either == "x"


def test_what_a_struct_refuses_itself_is_a_fault_of_the_wire() -> None:
    with pytest.raises(WireError, match="negative"):
        from_eebus([{"number": -1}], Checked)


class Unreadable(msgspec.Struct):
    when: set[int] | None = None


class AlsoUnreadable(msgspec.Struct):
    when: Decimal | None = None


@pytest.mark.parametrize("struct", [Unreadable(), AlsoUnreadable()])
def test_a_field_the_codec_does_not_know_is_our_own_mistake(struct: msgspec.Struct) -> None:
    with pytest.raises(LocalUseError):
        to_eebus(struct)


def test_a_typical_limit_is_decoded_in_a_fraction_of_a_millisecond() -> None:
    text = ejson.dumps({"loadControlLimitListData": LIMITS_WIRE})

    def decode() -> None:
        value = ejson.loads(text)
        assert isinstance(value, dict)
        from_eebus(value["loadControlLimitListData"], Limits)

    decode()

    assert min(timeit.repeat(decode, number=100, repeat=5)) / 100 < 0.002  # 40 µs on the desk
