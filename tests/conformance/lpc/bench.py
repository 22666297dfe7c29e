"""A test bench for the controllable system: the actors under test, and a box moved by hand.

Both are joined in memory through the text of their datagrams. Assertions look at what the box
received (H-40) and at the events the EMS acts on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from eebus.spine.device import LocalDevice
from eebus.spine.events import DataReceived, ResultReceived, SpineEvent
from eebus.spine.model.common_data_types import (
    ElementTag,
    ScaledNumber,
    TimePeriod,
    TimePeriodElements,
)
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.device_diagnosis import (
    DEVICE_DIAGNOSIS_HEARTBEAT_DATA,
    DeviceDiagnosisHeartbeatData,
)
from eebus.spine.model.electrical_connection import ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitDataElements,
    LoadControlLimitListData,
    LoadControlLimitListDataSelectors,
)
from eebus.spine.restricted import PARTIAL, Filter
from eebus.spine.specs import DeviceInfo
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.events import LimitStateChanged
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from eebus.wire import ejson
from tests.conformance.lpc.box import box_device

EMS_SKI = "e" * 40
BOX_SKI = "b" * 40
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FAILSAFE_W = Decimal(4_200)
CONTRACT_W = Decimal(43_470)
# Data sets of the catalogue for a declared range of 0 W to 43,470 W and 2 h to 24 h.
DELTA_W = CONTRACT_W * 5 / 100
APCL_01 = Decimal(0)
APCL_02 = DELTA_W
APCL_03 = CONTRACT_W / 2
APCL_04 = CONTRACT_W - DELTA_W
APCL_05 = CONTRACT_W + DELTA_W
APCL_06 = Decimal(-1_000)
FCAPL = (APCL_01, APCL_02, APCL_03, APCL_04, APCL_05)
FCAPL_DUR_01 = "PT1H54M"
FCAPL_DUR_02 = "PT13H"
FCAPL_DUR_03 = "PT90720S"
APCL_DUR_01 = "PT60S"
NO_PERIOD = "delete"
DEFAULT = LpcServerConfig(failsafe_w=FAILSAFE_W, contract_max_w=CONTRACT_W)


@dataclass
class Bench:
    """Time, both sides, and what the tester does by hand."""

    config: LpcServerConfig = DEFAULT
    now: float = 1_000.0
    box: LocalDevice = field(default_factory=box_device)
    beats: bool = False
    guard: tuple[int, ...] = (1,)
    counter: int = 0
    received: list[SpineEvent] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    ems_beats: list[float] = field(default_factory=list)
    wire: list[str] = field(default_factory=list)
    linked: bool = False
    wall_shift: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.boot()

    # --- the device under test
    def utcnow(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now) + self.wall_shift

    def boot(self, config: LpcServerConfig | None = None) -> None:
        """Start the actors (again) with this configuration."""
        self.config = config or self.config
        self.server = LpcServer(self.config, self.now, utcnow=self.utcnow)
        device = build_device(DeviceInfo(address="d:_n:EMS_1"), [self.server], self.now)
        self.ems = Actors(device, [self.server])
        self.linked = False

    @property
    def state(self) -> str:
        return self.changes()[-1].state

    @property
    def applied_w(self) -> Decimal | None:
        """What the EMS was last told to keep [W]."""
        return self.changes()[-1].limit_w

    def changes(self) -> list[LimitStateChanged]:
        self.events += self.ems.take_events()
        return [event for event in self.events if isinstance(event, LimitStateChanged)]

    # --- link
    def connect(self, *, bind: bool = True) -> None:
        """SHIP data phase on both sides; the box subscribes, binds and reads as 7.4 shows."""
        self.linked = True
        self.ems.connect(BOX_SKI, self.now)
        self.box.connect(EMS_SKI, self.now)
        self.settle()
        if bind:
            self.set_up(self.guard)

    def set_up(self, entity: tuple[int, ...]) -> None:
        client = self.client(entity)
        for feature_type in ("LoadControl", "DeviceConfiguration"):
            server = self.at(feature_type)
            self.box.subscribe(EMS_SKI, client, server, self.now)
            self.box.bind(EMS_SKI, client, server, self.now)
        for feature_type in ("DeviceDiagnosis", "ElectricalConnection"):
            self.box.subscribe(EMS_SKI, client, self.at(feature_type), self.now)
        self.settle()
        self.read("LoadControl", LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA)
        self.read("LoadControl", LOAD_CONTROL_LIMIT_LIST_DATA)
        self.read("DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA)
        self.read("DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA)

    def cut(self) -> None:
        """The connection breaks."""
        self.linked = False
        self.ems.disconnect(BOX_SKI, self.now)
        self.box.disconnect(EMS_SKI, self.now)
        self.settle()

    def settle(self) -> None:
        """Carry datagrams both ways until nothing is left."""
        moving = True
        while moving:
            moving = False
            for peer, payload in self.ems.take_datagrams():
                assert peer == BOX_SKI
                moving = True
                self.wire.append(ejson.dumps(payload).decode())
                if self.linked:
                    self.box.receive(EMS_SKI, ejson.loads(ejson.dumps(payload)), self.now)
            for _, payload in self.box.take_datagrams():
                moving = True
                if self.linked:
                    self.ems.receive(BOX_SKI, ejson.loads(ejson.dumps(payload)), self.now)
            for event in self.box.take_events():
                self.received.append(event)
                if (
                    isinstance(event, DataReceived)
                    and event.classifier == "notify"
                    and event.function is DEVICE_DIAGNOSIS_HEARTBEAT_DATA
                ):
                    self.ems_beats.append(self.now)
        self.events += self.ems.take_events()

    def wait(self, seconds: float) -> None:
        """Let time pass; with ``beats`` the box sends a heartbeat every 30 s."""
        end = self.now + seconds
        next_beat = self.now + 30.0
        while True:
            due = [end, *([next_beat] if self.beats and self.linked else [])]
            due += [at for at in (self.ems.deadline, self.box.deadline) if at is not None]
            self.now = max(self.now, min(due))
            self.ems.handle_timer(self.now)
            self.box.handle_timer(self.now)
            if self.beats and self.linked and self.now >= next_beat:
                self.beat()
                next_beat += 30.0
            self.settle()
            if self.now >= end:
                return

    # --- the box's hands
    def client(self, entity: tuple[int, ...] | None = None) -> Any:
        return self.box.feature(entity or self.guard, "Generic", "client")

    def at(self, feature_type: str) -> Any:
        remote = self.box.remote(EMS_SKI)
        assert remote is not None
        feature = remote.server((1,), feature_type)
        assert feature is not None
        return feature.address

    def beat(self, entity: tuple[int, ...] | None = None) -> None:
        """One heartbeat by hand."""
        self.counter += 1
        address = self.box.feature(entity or self.guard, "DeviceDiagnosis", "server")
        data = DeviceDiagnosisHeartbeatData(
            timestamp=self.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
            heartbeat_counter=self.counter,
            heartbeat_timeout="PT60S",
        )
        self.box.set_data(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, data, self.now, notify=False)
        self.box.announce(address, DEVICE_DIAGNOSIS_HEARTBEAT_DATA, self.now)
        self.settle()

    def limit(
        self, value_w: Decimal | int | None = None, *, active: bool | None = None,
        period: str | None = None, limit_id: int | None = 0, scale: int = 0,
    ) -> int:  # fmt: skip
        """Write a subset of value, activation and duration; ``NO_PERIOD`` deletes the duration."""
        number = None if value_w is None else int(Decimal(value_w).scaleb(-scale))
        entry = LoadControlLimitData(
            limit_id=limit_id,
            is_limit_active=active,
            time_period=TimePeriod(end_time=period) if period not in {None, NO_PERIOD} else None,
            value=None if number is None else ScaledNumber(number=number, scale=scale),
        )
        delete = Filter(
            "delete",
            selectors=(LoadControlLimitListDataSelectors(limit_id=0),),
            elements=LoadControlLimitDataElements(
                time_period=TimePeriodElements(end_time=ElementTag())
            ),
        )
        filters = (delete, PARTIAL) if period == NO_PERIOD else (PARTIAL,)
        return self.write(
            "LoadControl",
            LOAD_CONTROL_LIMIT_LIST_DATA,
            LoadControlLimitListData(load_control_limit_data=(entry,)),
            filters,
        )

    def failsafe(self, limit_w: Decimal | int | None = None, duration: str | None = None) -> int:
        """Write one or both failsafe values."""
        entries: list[DeviceConfigurationKeyValueData] = []
        if limit_w is not None:
            value, scale = Decimal(limit_w), min(0, int(Decimal(limit_w).as_tuple().exponent))
            number = ScaledNumber(number=int(value.scaleb(-scale)), scale=scale)
            choice = DeviceConfigurationKeyValueValue(scaled_number=number)
            entries.append(DeviceConfigurationKeyValueData(key_id=0, value=choice))
        if duration is not None:
            choice = DeviceConfigurationKeyValueValue(duration=duration)
            entries.append(DeviceConfigurationKeyValueData(key_id=1, value=choice))
        data = DeviceConfigurationKeyValueListData(device_configuration_key_value_data=(*entries,))
        return self.write(
            "DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, data, (PARTIAL,)
        )

    def write(
        self, feature_type: str, function: Any, data: Any, filters: tuple[Filter, ...] = ()
    ) -> int:
        """Error number of the result."""
        before = len(self.received)
        counter = self.box.write(
            EMS_SKI, self.client(), self.at(feature_type), function, data, self.now,
            filters=filters,
        )  # fmt: skip
        self.settle()
        results = [
            event.error_number
            for event in self.received[before:]
            if isinstance(event, ResultReceived) and event.msg_counter_ref == counter
        ]
        assert len(results) == 1
        return results[0]

    # --- what the box knows by the wire
    def read(self, feature_type: str, function: Any) -> Any:
        server = self.at(feature_type)
        before = len(self.received)
        self.box.read(EMS_SKI, self.client(), server, function, self.now)
        self.settle()
        replies = [
            event
            for event in self.received[before:]
            if isinstance(event, DataReceived) and event.classifier == "reply"
        ]
        assert [reply.function for reply in replies] == [function]
        return replies[0].data

    def told(self) -> LoadControlLimitData:
        """The limit as read by the box."""
        data = self.read("LoadControl", LOAD_CONTROL_LIMIT_LIST_DATA)
        (entry,) = data.load_control_limit_data
        return entry

    def told_w(self) -> Decimal:
        value = self.told().value
        assert value is not None
        return decimal(value)

    def told_failsafe(self) -> tuple[Decimal, str]:
        data = self.read("DeviceConfiguration", DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA)
        values = {entry.key_id: entry.value for entry in data.device_configuration_key_value_data}
        return decimal(values[0].scaled_number), values[1].duration

    def characteristics(self) -> dict[str, Decimal]:
        data = self.read("ElectricalConnection", ELECTRICAL_CONNECTION_CHARACTERISTIC_LIST_DATA)
        return {
            entry.characteristic_type: decimal(entry.value)
            for entry in data.electrical_connection_characteristic_data or ()
        }


def decimal(value: ScaledNumber) -> Decimal:
    assert value.number is not None
    return Decimal(value.number).scaleb(value.scale or 0)


# --- the states the catalogue starts from
def in_init() -> Bench:
    """CF_CS_Init, CF_EG_ManualExecution."""
    bench = Bench()
    bench.connect()
    assert bench.state == "init"
    return bench


def in_controlled(*, beats: bool = True) -> Bench:
    """CF_CS_UnlCntrl."""
    bench = in_init()
    bench.beat()
    assert bench.limit(APCL_03, active=False, period=NO_PERIOD) == 0
    bench.beats = beats
    assert bench.state == "unlimited_controlled"
    return bench


def in_limited(period: str = NO_PERIOD, *, beats: bool = True) -> Bench:
    """CF_CS_Limited_wo_dur, or with a duration."""
    bench = in_init()
    bench.beat()
    assert bench.limit(APCL_03, active=True, period=period) == 0
    bench.beats = beats
    assert bench.state == "limited"
    return bench


def in_failsafe(*, linked: bool) -> Bench:
    """CF_CS_FS, with CF_EG_ManualExecution or CF_EG_ConnectionLoss."""
    bench = in_controlled(beats=False)
    if not linked:
        bench.cut()
    bench.wait(130.0)
    assert bench.state == "failsafe"
    return bench


def in_autonomous() -> Bench:
    """CF_CS_UnlAuto."""
    bench = Bench()
    bench.connect()
    bench.wait(130.0)
    assert bench.state == "unlimited_autonomous"
    return bench
