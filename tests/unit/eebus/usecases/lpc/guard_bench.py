"""An energy guard and the controllable systems it meets, joined in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from eebus.spine.device import LocalDevice
from eebus.spine.guards import Accept, Refuse, Verdict, Write
from eebus.spine.model.common_data_types import ScaledNumber
from eebus.spine.model.device_configuration import (
    DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
    DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
    DeviceConfigurationKeyValueData,
    DeviceConfigurationKeyValueDescriptionData,
    DeviceConfigurationKeyValueDescriptionListData,
    DeviceConfigurationKeyValueListData,
    DeviceConfigurationKeyValueValue,
)
from eebus.spine.model.device_diagnosis import DEVICE_DIAGNOSIS_HEARTBEAT_DATA
from eebus.spine.model.load_control import (
    LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
    LOAD_CONTROL_LIMIT_LIST_DATA,
    LoadControlLimitData,
    LoadControlLimitDescriptionData,
    LoadControlLimitDescriptionListData,
    LoadControlLimitListData,
)
from eebus.spine.specs import (
    DeviceInfo,
    EntitySpec,
    FeatureSpec,
    FunctionSpec,
    UseCaseAnnouncement,
)
from eebus.usecases.build import Actors, build_device
from eebus.usecases.lpc.client import EnergyGuard
from eebus.usecases.lpc.server import LpcServer, LpcServerConfig
from eebus.wire import ejson

BOX_SKI = "b" * 40
EMS_SKI = "e" * 40
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class HeatPump:
    """A controllable system with numbers of its own, a decoy, and answers as the test says."""

    answers: list[int] = field(default_factory=list[int])
    write_partial: bool = True
    described: bool = True
    changeable: bool = True
    lacks: tuple[str, ...] = ()
    writes: list[tuple[float, Write]] = field(default_factory=list[tuple[float, Write]])

    def __post_init__(self) -> None:
        partial = self.write_partial
        functions = {
            "LoadControl": (
                FunctionSpec(function=LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA),
                FunctionSpec(function=LOAD_CONTROL_LIMIT_LIST_DATA, write=True, partial=partial),
            ),
            "DeviceConfiguration": (
                FunctionSpec(function=DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA),
                FunctionSpec(
                    function=DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA, write=True, partial=True
                ),
            ),
            "DeviceDiagnosis": (FunctionSpec(function=DEVICE_DIAGNOSIS_HEARTBEAT_DATA),),
        }
        servers = [
            FeatureSpec(type=name, role="server", functions=specs)
            for name, specs in functions.items()
            if name not in self.lacks
        ]
        entity = EntitySpec(
            address=(3,),
            type="HeatPumpAppliance",
            features=(FeatureSpec(type="Generic", role="client"), *servers),
        )
        wallbox = EntitySpec(address=(1,), type="EVSE")
        self.device = LocalDevice(
            DeviceInfo(address="d:_n:Pump_1", device_type="HeatGenerationSystem"),
            [wallbox, entity],
            use_cases=[
                UseCaseAnnouncement(
                    entity=(3,),
                    actor="ControllableSystem",
                    name="limitationOfPowerConsumption",
                    version="1.0.0",
                    sub_revision="release",
                    scenarios=(1, 2, 3),
                    available=False,
                )
            ],
        )
        self._fill()

    def _fill(self) -> None:
        if "LoadControl" not in self.lacks:
            self._fill_limits(self.place("LoadControl"))
        if "DeviceConfiguration" not in self.lacks:
            self._fill_keys(self.place("DeviceConfiguration"))

    def _fill_limits(self, limits: Any) -> None:
        if self.described:
            self.device.set_data(
                limits,
                LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
                LoadControlLimitDescriptionListData(
                    load_control_limit_description_data=(
                        description(1, "produce"),
                        description(7, "consume"),
                    )
                ),
                0.0,
            )
        else:
            self.device.set_data(
                limits,
                LOAD_CONTROL_LIMIT_DESCRIPTION_LIST_DATA,
                LoadControlLimitDescriptionListData(),
                0.0,
            )
        self.tell(0.0, active=False, number=3_500)
        self.device.guard(limits, LOAD_CONTROL_LIMIT_LIST_DATA, self._judge)

    def _fill_keys(self, keys: Any) -> None:
        names = {5: "failsafeConsumptionActivePowerLimit", 6: "failsafeDurationMinimum"}
        self.device.set_data(
            keys,
            DEVICE_CONFIGURATION_KEY_VALUE_DESCRIPTION_LIST_DATA,
            DeviceConfigurationKeyValueDescriptionListData(
                device_configuration_key_value_description_data=tuple(
                    DeviceConfigurationKeyValueDescriptionData(key_id=key, key_name=name)
                    for key, name in names.items()
                )
            ),
            0.0,
        )
        self.device.set_data(
            keys,
            DEVICE_CONFIGURATION_KEY_VALUE_LIST_DATA,
            DeviceConfigurationKeyValueListData(
                device_configuration_key_value_data=(
                    DeviceConfigurationKeyValueData(
                        key_id=5,
                        value=DeviceConfigurationKeyValueValue(
                            scaled_number=ScaledNumber(number=35, scale=2)
                        ),
                        is_value_changeable=True,
                    ),
                    DeviceConfigurationKeyValueData(
                        key_id=6,
                        value=DeviceConfigurationKeyValueValue(duration="PT2H"),
                        is_value_changeable=True,
                    ),
                )
            ),
            0.0,
        )

    def place(self, feature_type: str) -> Any:
        return self.device.feature((3,), feature_type, "server")

    def tell(self, now: float, *, active: bool, number: int | None) -> None:
        """Show this limit to whoever listens."""
        entries = (
            LoadControlLimitData(limit_id=1, is_limit_changeable=True, is_limit_active=False),
            LoadControlLimitData(
                limit_id=7,
                is_limit_changeable=self.changeable,
                is_limit_active=active,
                value=None if number is None else ScaledNumber(number=number, scale=0),
            ),
        )
        data = LoadControlLimitListData(load_control_limit_data=entries)
        self.device.set_data(self.place("LoadControl"), LOAD_CONTROL_LIMIT_LIST_DATA, data, now)

    def listen(self, box: str, now: float) -> None:
        """Subscribe the heartbeat of the box, as a controllable system does."""
        remote = self.device.remote(box)
        assert remote is not None
        server = remote.server((1,), "DeviceDiagnosis")
        assert server is not None
        client = self.device.feature((3,), "Generic", "client")
        self.device.subscribe(box, client, server.address, now)

    def _judge(self, write: Write, now: float) -> Verdict:
        self.writes.append((now, write))
        number = self.answers.pop(0) if self.answers else 0
        return Accept() if number == 0 else Refuse(number, "not now")

    def written(self) -> list[tuple[float, LoadControlLimitData]]:
        """When the limit was written, and how it stands then."""
        found: list[tuple[float, LoadControlLimitData]] = []
        for at, write in self.writes:
            merged: Any = write.merged
            entry = next(e for e in merged.load_control_limit_data if e.limit_id == 7)
            found.append((at, entry))
        return found


def description(number: int, direction: str) -> LoadControlLimitDescriptionData:
    return LoadControlLimitDescriptionData(
        limit_id=number,
        limit_type="signDependentAbsValueLimit",
        limit_category="obligation",
        limit_direction=direction,
        unit="W",
        scope_type="activePowerLimit",
    )


@dataclass
class GuardBench:
    """The box under test, one system at the other end, and time."""

    now: float = 1_000.0
    events: list[Any] = field(default_factory=list[Any])
    mute: bool = False
    system: Any = None
    linked: bool = False

    def __post_init__(self) -> None:
        self.guard = EnergyGuard(utcnow=self.utcnow)
        info = DeviceInfo(address="d:_n:Box_1")
        self.box = Actors(build_device(info, [self.guard], self.now), [self.guard])

    def utcnow(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now)

    def ems(self) -> LpcServer:
        """A controllable system of ours as the other end."""
        config = LpcServerConfig(failsafe_w=Decimal(4_200), contract_max_w=Decimal(43_470))
        server = LpcServer(config, self.now, utcnow=self.utcnow)
        device = build_device(DeviceInfo(address="d:_n:EMS_1"), [server], self.now)
        self.system = Actors(device, [server])
        return server

    def pump(self, **facts: Any) -> HeatPump:
        """A heat pump as the other end."""
        pump = HeatPump(**facts)
        self.system = pump.device
        return pump

    def link(self) -> None:
        self.linked = True
        self.box.connect(EMS_SKI, self.now)
        self.system.connect(BOX_SKI, self.now)
        self.settle()

    def cut(self) -> None:
        self.linked = False
        self.box.disconnect(EMS_SKI, self.now)
        self.system.disconnect(BOX_SKI, self.now)
        self.settle()

    def settle(self) -> None:
        """Carry datagrams both ways until nothing is left and nothing is due, as a hub does."""
        moving = True
        while moving:
            self.box.settle(self.now)
            if self.box.deadline is not None and self.box.deadline <= self.now:
                self.box.handle_timer(self.now)
            outgoing = self.box.take_datagrams()
            for _, payload in outgoing:
                if self.linked:
                    self.system.receive(BOX_SKI, ejson.loads(ejson.dumps(payload)), self.now)
            answers = self.system.take_datagrams() if self.system else []
            for _, payload in answers:
                if self.linked and not self.mute:
                    self.box.receive(EMS_SKI, ejson.loads(ejson.dumps(payload)), self.now)
            moving = bool(outgoing or answers)
        self.events += self.box.take_events()
        if self.system:
            self.system.take_events()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            parts = [end, self.box.deadline, self.system.deadline if self.system else None]
            self.now = max(self.now, min(at for at in parts if at is not None))
            self.box.handle_timer(self.now)
            if self.system:
                self.system.handle_timer(self.now)
            self.settle()
            if self.now >= end:
                return

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]
