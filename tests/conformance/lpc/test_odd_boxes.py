"""Boxes that bind half, say things twice, or delete instead of writing."""

from __future__ import annotations

import pytest

from eebus.spine.device import LocalDevice
from eebus.spine.events import DataReceived
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueDataElements,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueListDataSelectors,
    DeviceConfigurationKeyValueValue,
    DeviceConfigurationKeyValueValueElements,
)
from eebus.spine.restricted import PARTIAL, Filter
from eebus.spine.specs import DeviceInfo, EntitySpec, UseCaseAnnouncement
from eebus.usecases.lpc.events import ScenarioMissing
from tests.conformance.lpc.bench import (
    BOX_SKI,
    EMS_SKI,
    FAILSAFE_W,
    Bench,
    in_controlled,
    in_limited,
)
from tests.conformance.lpc.box import guard_entity


def subscribed(bench: Bench) -> int:
    """How often the EMS asked for the heartbeat of the box."""
    return sum("DeviceDiagnosis" in text and "subscriptionRequest" in text for text in bench.wire)


def key(number: int, duration: str) -> DeviceConfigurationKeyValueData:
    value = DeviceConfigurationKeyValueValue(duration=duration)
    return DeviceConfigurationKeyValueData(key_id=number, value=value)


def test_a_box_that_binds_the_failsafe_values_only_is_not_listened_to() -> None:
    bench = Bench()
    bench.connect(bind=False)
    bench.box.bind(EMS_SKI, bench.client(), bench.at("DeviceConfiguration"), bench.now)
    bench.settle()

    bench.wait(60.0)

    assert subscribed(bench) == 0
    bench.box.bind(EMS_SKI, bench.client(), bench.at("LoadControl"), bench.now)
    bench.settle()
    assert subscribed(bench) == 1


def test_a_box_that_tells_its_use_cases_again_is_not_subscribed_again() -> None:
    bench = in_controlled()
    assert subscribed(bench) == 1
    other = EntitySpec(address=(7,), type="CEM")
    case = UseCaseAnnouncement(
        entity=(7,), actor="MonitoringAppliance", name="monitoringOfPowerConsumption",
        version="1.0.0", sub_revision="release", scenarios=(1,),
    )  # fmt: skip
    bench.box.add_entity(other, [case])
    bench.settle()

    assert subscribed(bench) == 1
    assert bench.server.guard == (BOX_SKI, (1,))


@pytest.mark.parametrize("durations", [("PT3H", "PT4H"), ("PT3H", "PT3H")])
def test_one_key_twice_in_a_write_is_refused(durations: tuple[str, str]) -> None:
    bench = in_controlled()
    entries = tuple(key(1, duration) for duration in durations)
    data = DeviceConfigurationKeyValueListData(device_configuration_key_value_data=entries)

    answer = bench.write(
        "DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, data, (PARTIAL,)
    )

    assert answer == 7
    assert bench.told_failsafe() == (FAILSAFE_W, "PT7200S")


def test_a_failsafe_value_cannot_be_deleted() -> None:
    bench = in_controlled()
    delete = Filter(
        "delete",
        selectors=(DeviceConfigurationKeyValueListDataSelectors(key_id=1),),
        elements=DeviceConfigurationKeyValueDataElements(
            value=DeviceConfigurationKeyValueValueElements()
        ),
    )

    answer = bench.write(
        "DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, None, (delete,)
    )

    assert answer == 7
    assert bench.told_failsafe() == (FAILSAFE_W, "PT7200S")


@pytest.mark.rule("LPC-923")
@pytest.mark.rule("LPC-TS-045")
def test_an_interrupted_limit_is_told_inactive_to_the_box_and_to_the_ems() -> None:
    bench = in_limited("PT600S")

    bench.server.interrupt("self-protection", bench.now)
    bench.ems.settle(bench.now)
    bench.settle()

    told = [e for e in bench.received if isinstance(e, DataReceived) and e.classifier == "notify"]
    (entry,) = told[-1].data.load_control_limit_data
    assert (entry.is_limit_active, entry.time_period) == (False, None)
    assert (bench.state, bench.applied_w, bench.changes()[-1].rule) == (
        "unlimited_controlled", None, "LPC-923",
    )  # fmt: skip


@pytest.mark.rule("LPC-021")
@pytest.mark.rule("LPC-022")
def test_the_failsafe_values_are_described() -> None:
    bench = in_controlled()

    data = bench.read("DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA)

    assert [
        (one.key_id, one.key_name, one.value_type, one.unit)
        for one in data.device_configuration_key_value_description_data
    ] == [
        (0, "failsafeConsumptionActivePowerLimit", "scaledNumber", "W"),
        (1, "failsafeDurationMinimum", "duration", None),
    ]


def test_a_peer_that_is_no_energy_guard_misses_no_scenario() -> None:
    bench = Bench(box=LocalDevice(DeviceInfo(address="d:_n:Meter_1"), [guard_entity((1,))]))

    bench.connect(bind=False)

    assert bench.server.scenarios_of(BOX_SKI) == ()
    assert not any(isinstance(event, ScenarioMissing) for event in bench.events)
