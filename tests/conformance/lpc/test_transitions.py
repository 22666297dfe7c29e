"""Official cases for the LPC controllable system: transitions 1 to 12, through the wire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conformance.lpc.bench import (
    APCL_02,
    APCL_03,
    APCL_04,
    APCL_06,
    APCL_DUR_01,
    FAILSAFE_W,
    FCAPL,
    FCAPL_DUR_02,
    NO_PERIOD,
    Bench,
    in_autonomous,
    in_controlled,
    in_failsafe,
    in_init,
    in_limited,
)

VALID = pytest.mark.parametrize("value_w", [APCL_02, APCL_03, APCL_04])


def last(bench: Bench) -> tuple[str, int]:
    step = bench.changes()[-1]
    return step.rule, step.edge


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition1_001")
@pytest.mark.rule("LPC-902")
@pytest.mark.field("H-71")
@pytest.mark.field("C-08")
def test_t1_a_refused_limit_leads_from_init_to_unlimited_controlled() -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(APCL_06, active=True) == 7

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-902", 1)
    assert bench.applied_w is None


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition1_002")
@pytest.mark.rule("LPC-905")
def test_t1_a_deactivated_limit_leads_from_init_to_unlimited_controlled() -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-905", 1)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition2_001")
@pytest.mark.rule("LPC-904")
@VALID
def test_t2_an_activated_limit_leads_from_init_to_limited(value_w: Decimal) -> None:
    bench = in_init()
    bench.beat()

    assert bench.limit(value_w, active=True, period=APCL_DUR_01, scale=-1) == 0

    assert bench.state == "limited"
    assert last(bench) == ("LPC-904", 2)
    assert bench.applied_w == value_w
    assert bench.told().is_limit_active is True


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition3_001")
@pytest.mark.rule("LPC-906")
def test_t3_without_a_heartbeat_init_ends_after_two_minutes() -> None:
    bench = in_init()

    bench.wait(119.0)
    assert bench.state == "init"
    bench.wait(11.0)

    assert bench.state == "unlimited_autonomous"
    assert last(bench) == ("LPC-906", 3)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition3_002")
@pytest.mark.rule("LPC-906")
def test_t3_with_a_heartbeat_but_no_limit_init_ends_after_two_minutes() -> None:
    bench = in_init()
    bench.beat()

    bench.wait(130.0)

    assert bench.state == "unlimited_autonomous"


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition4_001")
@pytest.mark.rule("LPC-910")
@VALID
def test_t4_an_activated_limit_leads_from_unlimited_controlled_to_limited(
    value_w: Decimal,
) -> None:
    bench = in_controlled()

    assert bench.limit(value_w, active=True, period=APCL_DUR_01, scale=-1) == 0

    assert bench.state == "limited"
    assert last(bench) == ("LPC-910", 4)
    assert bench.applied_w == value_w


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition5_001")
@pytest.mark.rule("LPC-911")
@pytest.mark.parametrize("break_link", [True, False])
def test_t5_without_heartbeats_unlimited_controlled_ends_in_failsafe(break_link: bool) -> None:
    bench = in_controlled(beats=False)
    if break_link:
        bench.cut()

    bench.wait(120.0)
    assert bench.state == "unlimited_controlled"
    bench.wait(10.0)

    assert bench.state == "failsafe"
    assert last(bench) == ("LPC-911", 5)
    assert bench.applied_w == FAILSAFE_W


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition6_001")
@pytest.mark.rule("LPC-908")
@pytest.mark.rule("LPC-007")
def test_t6_a_limit_ends_with_its_duration() -> None:
    bench = in_limited()

    assert bench.limit(APCL_03, active=True, period=APCL_DUR_01) == 0
    bench.wait(59.0)
    assert bench.state == "limited"
    bench.wait(1.0)

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-908", 6)
    assert bench.told().is_limit_active is False
    assert bench.told().time_period is None


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition6_002")
@pytest.mark.rule("LPC-909")
def test_t6_a_deactivated_limit_ends_limited() -> None:
    bench = in_limited()

    assert bench.limit(APCL_03, active=False, period=APCL_DUR_01) == 0

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-909", 6)
    assert bench.told().is_limit_active is False


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition7_001")
@pytest.mark.rule("LPC-912")
@pytest.mark.parametrize("failsafe_w", FCAPL[1:4])
def test_t7_without_heartbeats_limited_ends_in_failsafe_with_the_written_value(
    failsafe_w: Decimal,
) -> None:
    bench = in_limited(beats=False)
    assert bench.failsafe(failsafe_w) == 0
    bench.cut()

    bench.wait(130.0)

    assert bench.state == "failsafe"
    assert last(bench) == ("LPC-912", 7)
    assert bench.applied_w == failsafe_w
    bench.connect()
    assert bench.told().is_limit_active is False


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition8_001")
@pytest.mark.rule("LPC-918")
@pytest.mark.field("C-08")
@pytest.mark.field("H-71")
def test_t8_a_refused_limit_leads_from_failsafe_to_unlimited_controlled() -> None:
    bench = in_failsafe(linked=False)
    bench.connect()
    bench.beat()

    assert bench.limit(APCL_06, active=True) == 7

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-918", 8)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition8_002")
@pytest.mark.rule("LPC-920")
@pytest.mark.field("F-02")
@VALID
def test_t8_a_deactivated_limit_leads_from_failsafe_to_unlimited_controlled(
    value_w: Decimal,
) -> None:
    bench = in_failsafe(linked=False)
    bench.connect()
    bench.beat()

    assert bench.limit(value_w, active=False, scale=-1) == 0

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-920", 8)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition9_001")
@pytest.mark.rule("LPC-919")
@pytest.mark.field("F-02")
@VALID
def test_t9_an_activated_limit_leads_from_failsafe_to_limited(value_w: Decimal) -> None:
    bench = in_failsafe(linked=False)
    bench.connect()
    bench.beat()

    assert bench.limit(value_w, active=True, period=NO_PERIOD, scale=-1) == 0

    assert bench.state == "limited"
    assert last(bench) == ("LPC-919", 9)
    assert bench.applied_w == value_w


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition10_001")
@pytest.mark.rule("LPC-922")
def test_t10_after_the_written_duration_failsafe_ends() -> None:
    bench = in_controlled(beats=False)
    assert bench.failsafe(duration=FCAPL_DUR_02) == 0
    bench.cut()

    bench.wait(130.0)
    assert bench.state == "failsafe"
    bench.wait(13 * 3_600.0 - 60.0)
    assert bench.state == "failsafe"
    bench.wait(130.0)

    assert bench.state == "unlimited_autonomous"
    assert last(bench) == ("LPC-922", 10)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition10_002")
def test_t10_one_heartbeat_alone_does_not_end_failsafe() -> None:
    bench = in_failsafe(linked=True)
    bench.beat()

    bench.wait(130.0)

    assert bench.state == "failsafe"


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition10_002")
@pytest.mark.rule("LPC-921")
def test_t10_heartbeats_without_a_limit_end_failsafe_after_two_minutes() -> None:
    bench = in_failsafe(linked=True)
    bench.beat()
    bench.beats = True

    bench.wait(119.0)
    assert bench.state == "failsafe"
    bench.wait(11.0)

    assert bench.state == "unlimited_autonomous"
    assert last(bench) == ("LPC-921", 10)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition11_001")
@pytest.mark.rule("LPC-918")
@pytest.mark.field("C-08")
@pytest.mark.field("H-71")
def test_t11_a_refused_limit_leads_from_autonomous_to_unlimited_controlled() -> None:
    bench = in_autonomous()
    bench.beat()

    assert bench.limit(APCL_06, active=True) == 7

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-918", 11)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition11_002")
@pytest.mark.rule("LPC-920")
def test_t11_a_deactivated_limit_leads_from_autonomous_to_unlimited_controlled() -> None:
    bench = in_autonomous()
    bench.beat()

    assert bench.limit(APCL_03, active=False) == 0

    assert bench.state == "unlimited_controlled"
    assert last(bench) == ("LPC-920", 11)


@pytest.mark.rule("ATC_LPC_COM_PT_CSTransition12_001")
@pytest.mark.rule("LPC-919")
@VALID
def test_t12_an_activated_limit_leads_from_autonomous_to_limited(value_w: Decimal) -> None:
    bench = in_autonomous()
    bench.beat()

    assert bench.limit(value_w, active=True, period=NO_PERIOD, scale=-1) == 0

    assert bench.state == "limited"
    assert last(bench) == ("LPC-919", 12)
    assert bench.applied_w == value_w
