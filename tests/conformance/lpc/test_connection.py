"""Official cases for the LPC controllable system: heartbeat, connection, start, refusals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from eebus.usecases.lpc.events import LimitStateChanged
from eebus.usecases.lpc.server import LpcServerConfig
from tests.conformance.lpc.bench import (
    APCL_01,
    APCL_02,
    APCL_03,
    APCL_04,
    APCL_05,
    APCL_06,
    CONTRACT_W,
    FAILSAFE_W,
    FCAPL,
    FCAPL_DUR_01,
    FCAPL_DUR_02,
    FCAPL_DUR_03,
    NO_PERIOD,
    Bench,
    in_autonomous,
    in_controlled,
    in_failsafe,
    in_init,
    in_limited,
)

FCAPL_03 = FCAPL[2]


@pytest.mark.rule("ATC_LPC_COM_PT_CSHeartbeat_001")
@pytest.mark.rule("LPC-032")
@pytest.mark.field("C-12")
def test_five_heartbeats_of_the_ems_are_never_more_than_a_minute_apart() -> None:
    bench = in_controlled()
    start = len(bench.ems_beats)

    bench.wait(200.0)

    beats = bench.ems_beats[start : start + 6]
    gaps = [later - earlier for earlier, later in pairwise(beats)]
    assert len(gaps) == 5
    assert max(gaps) <= 60.0


@pytest.mark.rule("ATC_LPC_COM_NT_CSConnection_001")
@pytest.mark.rule("LPC-914/2")
def test_no_limit_is_taken_before_the_first_heartbeat() -> None:
    bench = in_init()

    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 7
    assert bench.state == "init"
    bench.beat()
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_002")
@pytest.mark.rule("LPC-TS-037")
@pytest.mark.field("C-10")
def test_the_failsafe_limit_is_writable_only_after_heartbeat_and_limit() -> None:
    bench = in_init()
    bench.beat()

    assert bench.failsafe(FCAPL_03) == 7
    assert bench.told_failsafe()[0] == FAILSAFE_W
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"
    assert bench.failsafe(FCAPL_03) == 0
    assert bench.told_failsafe()[0] == FCAPL_03


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_003")
@pytest.mark.rule("LPC-001")
@pytest.mark.rule("LPC-010")
@pytest.mark.field("F-10")
def test_values_below_zero_are_refused_and_still_prove_presence() -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(APCL_06, active=False) == 7
    assert bench.state == "unlimited_controlled"
    assert bench.failsafe(-1_000) == 7
    assert bench.told_failsafe()[0] == FAILSAFE_W
    assert bench.failsafe(FCAPL_03) == 0


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_004")
def test_the_failsafe_duration_is_writable_only_after_heartbeat_and_limit() -> None:
    bench = in_init()
    bench.beat()

    assert bench.failsafe(duration=FCAPL_DUR_02) == 7
    assert bench.told_failsafe()[1] == "PT7200S"
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"
    assert bench.failsafe(duration=FCAPL_DUR_02) == 0
    assert bench.told_failsafe()[1] == FCAPL_DUR_02


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_005")
@pytest.mark.rule("LPC-022/5")
@pytest.mark.field("C-11")
def test_a_failsafe_duration_above_our_maximum_is_refused_and_sets_the_maximum() -> None:
    bench = in_init()
    bench.beat()
    bench.limit(APCL_03, active=False, period=NO_PERIOD)

    assert bench.failsafe(duration=FCAPL_DUR_03) == 7
    assert bench.told_failsafe() == (FAILSAFE_W, "PT86400S")
    assert bench.changes()[-1].failsafe_duration_s == 86_400.0
    assert bench.changes()[-1].failsafe_from_box


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_006")
def test_a_limit_above_the_maximum_is_stored_as_written() -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(APCL_05, active=True, period=NO_PERIOD, scale=-1) == 0
    assert bench.state == "limited"
    assert bench.told().time_period is None
    assert bench.told_w() == APCL_05


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_007")
def test_limits_over_the_whole_range_are_stored_to_the_last_watt() -> None:
    bench = in_init()
    bench.beat()
    bench.limit(APCL_03, active=False, period=NO_PERIOD)

    for value_w in (APCL_02, APCL_03, APCL_04, APCL_05, APCL_01):
        assert bench.limit(value_w, active=True, scale=-1) == 0
        assert bench.state == "limited"
        assert bench.told_w() == value_w
        assert bench.applied_w == value_w


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_008")
@pytest.mark.rule("LPC-022/3")
def test_failsafe_values_over_the_whole_range() -> None:
    bench = in_controlled()

    for value_w in FCAPL:
        assert bench.failsafe(value_w) == 0
        assert bench.told_failsafe()[0] == value_w
    assert bench.failsafe(duration=FCAPL_DUR_01) == 7
    assert bench.told_failsafe()[1] == "PT7200S"
    assert bench.failsafe(duration=FCAPL_DUR_02) == 0
    assert bench.told_failsafe()[1] == FCAPL_DUR_02
    assert bench.failsafe(duration=FCAPL_DUR_03) == 7
    assert bench.told_failsafe()[1] == "PT86400S"


@pytest.mark.rule("ATC_LPC_COM_PT_CSConnection_009")
def test_after_a_black_start_the_first_heartbeat_and_limit_are_taken() -> None:
    bench = in_controlled()

    bench.cut()
    bench.wait(90.0)
    bench.boot()
    bench.wait(40.0)
    bench.connect()
    bench.beat()

    assert bench.state == "init"
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"


@pytest.mark.rule("ATC_LPC_COM_PT_CSInit_001")
@pytest.mark.rule("LPC-901")
@pytest.mark.rule("LPC-009/2")
def test_after_the_start_the_failsafe_limit_applies_and_the_limit_is_inactive() -> None:
    bench = in_init()

    assert bench.applied_w == FAILSAFE_W
    assert bench.changes()[0].rule == "LPC-901"
    assert bench.told_failsafe()[0] == FAILSAFE_W
    assert bench.told().is_limit_active is False


@pytest.mark.rule("ATC_LPC_COM_PT_CSInit_002")
@pytest.mark.rule("LPC-903")
def test_a_reset_brings_the_declared_defaults_back() -> None:
    bench = in_controlled()
    bench.failsafe(FCAPL_03, FCAPL_DUR_02)

    bench.boot(LpcServerConfig(failsafe_w=FAILSAFE_W, contract_max_w=CONTRACT_W))
    bench.connect()
    bench.beat()

    assert bench.told().is_limit_active is False
    assert bench.told_failsafe() == (FAILSAFE_W, "PT7200S")


@pytest.mark.rule("ATC_LPC_COM_PT_CSInit_003")
@pytest.mark.rule("LPC-TS-044")
def test_failsafe_values_of_the_box_are_told_so_that_they_survive_a_reboot() -> None:
    bench = in_init()
    bench.beat()
    bench.limit(APCL_03, active=False, period=NO_PERIOD)
    assert bench.failsafe(FCAPL_03) == 0
    assert bench.failsafe(duration=FCAPL_DUR_02) == 0

    bench.boot(_restored(bench.changes()[-1]))
    bench.connect()

    assert bench.state == "init"
    assert bench.applied_w == FCAPL_03
    assert bench.told_failsafe() == (FCAPL_03, "PT46800S")


def _restored(told: LimitStateChanged) -> LpcServerConfig:
    """What the runtime makes of the last event it has on disk."""
    return LpcServerConfig(
        failsafe_w=told.failsafe_w,
        failsafe_duration_s=told.failsafe_duration_s,
        failsafe_from_box=told.failsafe_from_box,
        contract_max_w=CONTRACT_W,
    )


@pytest.mark.rule("ATC_LPC_COM_NT_CSLimited_001")
@pytest.mark.rule("LPC-907/2")
@pytest.mark.field("C-09")
def test_a_refused_limit_leaves_the_one_in_force() -> None:
    bench = in_limited()
    assert bench.told().is_limit_active is True

    assert bench.limit(APCL_06) == 7

    assert bench.state == "limited"
    assert bench.applied_w == APCL_03
    assert bench.told().is_limit_active is True
    assert bench.told_w() == APCL_03


@pytest.mark.rule("ATC_LPC_COM_PT_CSLimited_002")
def test_a_heartbeat_gap_of_ninety_seconds_is_harmless_while_limited() -> None:
    bench = in_init()
    bench.beat()
    assert bench.limit(APCL_03, active=True, period=NO_PERIOD) == 0
    bench.beat()

    bench.wait(90.0)

    assert bench.limit(APCL_03, active=True, period=NO_PERIOD) == 0
    bench.beat()
    assert bench.state == "limited"


@pytest.mark.rule("ATC_LPC_COM_NT_CSUnlCntrl_001")
@pytest.mark.rule("LPC-907/1")
@pytest.mark.field("C-09")
def test_a_refused_limit_leaves_unlimited_controlled_as_it_is() -> None:
    bench = in_controlled()
    assert bench.told().is_limit_active is False

    assert bench.limit(APCL_06, active=True) == 7

    assert bench.state == "unlimited_controlled"
    assert bench.applied_w is None
    assert bench.told().is_limit_active is False


@pytest.mark.rule("ATC_LPC_COM_PT_CSUnlCntrl_002")
@pytest.mark.rule("LPC-042")
def test_an_energy_manager_tells_the_contractual_maximum_and_no_other() -> None:
    bench = in_controlled()

    assert bench.characteristics() == {"contractualConsumptionNominalMax": CONTRACT_W}


@pytest.mark.rule("LPC-042")
def test_an_unknown_contractual_maximum_is_an_empty_list_and_no_zero() -> None:
    bench = Bench(config=LpcServerConfig(failsafe_w=FAILSAFE_W))
    bench.connect()

    assert bench.characteristics() == {}


@pytest.mark.rule("ATC_LPC_COM_PT_CSFS_001")
@pytest.mark.rule("LPC-TS-036")
@pytest.mark.field("H-72")
def test_in_failsafe_nothing_is_taken_before_heartbeat_and_following_limit() -> None:
    bench = in_failsafe(linked=True)

    bench.beat()
    bench.wait(90.0)
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 7
    assert bench.failsafe(FCAPL_03) == 7
    assert bench.state == "failsafe"
    bench.beat()
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"
    assert bench.failsafe(FCAPL_03) == 0


@pytest.mark.rule("ATC_LPC_COM_PT_CSFS_002")
@pytest.mark.rule("LPC-TS-012")
def test_failsafe_lasts_at_least_its_minimum_duration() -> None:
    bench = in_failsafe(linked=False)

    bench.wait(7_200.0 - 70.0)
    assert bench.state == "failsafe"
    assert bench.applied_w == FAILSAFE_W
    bench.wait(300.0)
    assert bench.state == "unlimited_autonomous"


@pytest.mark.rule("ATC_LPC_COM_PT_CSFS_003")
def test_in_failsafe_the_failsafe_duration_cannot_be_written() -> None:
    bench = in_failsafe(linked=False)
    bench.connect()
    assert bench.told().is_limit_active is False

    bench.beat()
    assert bench.failsafe(duration=FCAPL_DUR_02) == 7

    assert bench.state == "failsafe"
    assert bench.told_failsafe()[1] == "PT7200S"


@pytest.mark.rule("ATC_LPC_COM_NT_CSUnlAuto_001")
def test_when_autonomous_nothing_is_taken_before_heartbeat_and_following_limit() -> None:
    bench = in_autonomous()

    bench.beat()
    bench.wait(90.0)
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 7
    assert bench.failsafe(FCAPL_03) == 7
    assert bench.state == "unlimited_autonomous"
    bench.beat()
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    assert bench.state == "unlimited_controlled"
    assert bench.failsafe(FCAPL_03) == 0


@pytest.mark.rule("ATC_LPC_COM_PT_CSUnlAuto_002")
def test_when_autonomous_the_limit_is_inactive_and_the_nominal_maximum_still_told() -> None:
    bench = in_autonomous()

    assert bench.applied_w is None
    assert bench.told().is_limit_active is False
    assert bench.characteristics() == {"contractualConsumptionNominalMax": CONTRACT_W}


@pytest.mark.rule("ATC_LPC_INS1_PT_CSTransition1_001")
@pytest.mark.rule("LPC-TS-035/2")
@pytest.mark.parametrize("value_w", [APCL_02, APCL_03])
def test_a_permitted_reason_refuses_a_limit_and_keeps_the_state(value_w: Decimal) -> None:
    bench = in_init()
    bench.beat()
    assert bench.limit(APCL_04, active=False, period=NO_PERIOD) == 0

    bench.server.interrupt("self-protection", bench.now)

    assert bench.limit(value_w, active=True, scale=-1) == 7
    assert bench.state == "unlimited_controlled"
    bench.server.resume()
    assert bench.limit(value_w, active=True, scale=-1) == 0


def test_the_configuration_refuses_what_the_document_forbids() -> None:
    good = LpcServerConfig(failsafe_w=FAILSAFE_W)

    for wrong in (
        {"failsafe_w": Decimal(-1)},
        {"failsafe_w": Decimal("NaN")},
        {"failsafe_duration_s": 7_199.0},
        {"failsafe_duration_s": 86_401.0},
    ):
        with pytest.raises(ValueError, match="failsafe"):
            replace(good, **wrong)  # type: ignore[arg-type]  # the point of the test
