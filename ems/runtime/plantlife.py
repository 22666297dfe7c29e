"""One life of the service with one configuration: everything that runs, and who owns it.

Order at start (reliability.md 10): state read, contact sampled, core decided, workers connect,
READY; then the EEBUS side, which is imported late so that the contact is obeyed first.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import logging
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from drivers.gpio.outputs import OutputPool
from drivers.modbus.pool import LinkPool
from drivers.registry import open_load, open_meter
from ems.config.paths import contact_path, identity_dir, state_dir
from ems.config.translate import load_configs, meter_configs, plant_of
from ems.control.commands import Alarm
from ems.control.core import Core
from ems.control.events import GenerationMeasured, JournalDamaged, Restored
from ems.journal.errors import JournalError
from ems.journal.evidence import Evidence
from ems.journal.record import Kind
from ems.journal.report import open_events
from ems.journal.store import Journal
from ems.runtime.calls import Calls
from ems.runtime.clocksync import WallClock, is_synchronised
from ems.runtime.contact_service import ContactService
from ems.runtime.controller import Controller
from ems.runtime.durable import StateWriter
from ems.runtime.facts import site_facts
from ems.runtime.farewell import free_who_waits
from ems.runtime.proof import Proof
from ems.runtime.service import Service
from ems.runtime.state_file import Marks, StateFile
from ems.runtime.supervise import keep_running
from ems.runtime.upkeep import Upkeep
from ems.runtime.workers import LoadWorker, MeterWorker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path
    from typing import Literal

    from eebus.node.clock import Clock
    from ems.config.load import LoadedSite
    from ems.control.commands import Remember
    from ems.control.decision import Decision
    from ems.control.saved import SavedState
    from ems.runtime.options import Options
    from ems.runtime.partners import Partners
    from ems.runtime.sd_notify import Systemd

LOGGER = logging.getLogger(__name__)

RECORDS_FILE = "records.db"
SAMPLED_WITHIN_S = 5.0  # protocol seconds: an older contact sample means the input pump hangs
POLL_S = {"wallbox": 2.0, "heatpump": 5.0, "cooling": 5.0, "battery": 2.0}  # devices.md 2
BERLIN = "Europe/Berlin"
PV_FRESH_S = 10.0  # 14a.md 1.3.2: older readings give no credit
SETTLED_AFTER_S = 5.0


class PlantLife:
    """Everything of one plant. Made, run once, thrown away."""

    def __init__(
        self,
        options: Options,
        loaded: LoadedSite,
        clock: Clock,
        systemd: Systemd,
        reload: Callable[[], None],
        outputs: OutputPool | None = None,
    ) -> None:
        """Read the state, sample the contact and let the core decide; nothing is sent yet.

        ``outputs``: relays of the process; they stay as they are from one life to the next.
        """
        self.options = options
        self.site = loaded.site
        self.clock = clock
        self.reload = reload
        self.config_hash = loaded.config_hash
        self.is_last_good = loaded.fallback
        self.started_at = clock.monotonic()
        self.partners: Partners | None = None
        self._systemd = systemd
        self._outputs = OutputPool() if outputs is None else outputs
        self._state_dir: Path = state_dir(self.site, options.config)
        self._state_dir.mkdir(parents=True, exist_ok=True)
        self._state_file = StateFile(
            self._state_dir, utcnow=clock.utcnow, synchronised=is_synchronised
        )
        self.saved, damaged = self._load_state()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._early: list[Callable[[], None]] = []
        day = clock.utcnow().astimezone(ZoneInfo(BERLIN)).date()
        self._plant = plant_of(self.site, day)
        journal = Journal(
            self._state_dir / RECORDS_FILE,
            utc=clock.utcnow(),
            on_fault=partial(self._from_journal, self._journal_fault),
            on_damage=partial(self._from_journal, self._journal_damaged),
        )
        self._writer = StateWriter(self._state_file, clock, self._disk_failed)
        facts = site_facts(self.site, self._plant, loaded.config_hash)
        evidence = Evidence(facts, synchronised=is_synchronised)
        self.proof = Proof(evidence, journal, clock, opened=self._remember_open)
        self.controller = Controller(
            Core(self._plant, self.started_at),
            clock,
            remember=self._remember,
            decided=self._decided,
            alarmed=self.proof.alarm,
        )
        self.workers: dict[str, LoadWorker] = {}
        self.meters: list[MeterWorker] = []
        self.contact: ContactService | None = None
        self._begin(damaged=damaged)

    def _begin(self, *, damaged: bool) -> None:
        """Steps 3 to 6 of the start: the first decision knows state and contact."""
        boot = {"config_hash": self.config_hash, "clock_synchronised": is_synchronised()}
        self.proof.note(Kind.BOOT, boot)
        self._reopen_events()
        self._make_workers()
        self.controller.connect(self.workers)
        if self.saved is not None and self.saved.limits:
            strictest_w = min(limit.power_w for limit in self.saved.limits)
            LOGGER.warning("= a limit of %d W is restored", strictest_w)
            self.proof.note(Kind.RESTORED, {"limits": [asdict(one) for one in self.saved.limits]})
        self.controller.submit(Restored(saved=self.saved, damaged=damaged))
        if damaged:
            files = ", ".join(path.name for path in self._state_file.set_aside)
            self.proof.note(Kind.STATE_DAMAGED, {"set_aside": files})
            self.controller.alarm(
                Alarm(code="E-STATE-001", subject="state", active=True, params={"file": files})
            )
        self._tell_early()
        contact = self.site.signal.contact
        if contact is not None and "contact" in self.site.signal.sources:
            self.contact = ContactService(
                contact,
                contact_path(self.site, self.options.config),
                self._state_dir,
                self.clock,
                self.controller.submit,
            )
            self.contact.watch.sample()
            self._tell_polarity()

    def _reopen_events(self) -> None:
        """An event that the last process left open goes on (F-29)."""
        try:
            left_open = open_events(self._state_dir / RECORDS_FILE)
        except JournalError as error:
            LOGGER.error("! open events cannot be read: %s", error)  # noqa: TRY400
            return
        for draft in self.proof.evidence.restore(left_open, self.clock.utcnow()):
            self.proof.journal.append_draft(draft)

    async def run(self) -> None:
        """Run until cancelled; then say goodbye, write state and journal."""
        systemd = self._systemd
        self._loop = asyncio.get_running_loop()
        self._give_back_outputs()
        self._tell_early()
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in self._tasks().items():
                    supervised = keep_running(name, work, self.clock, failed=self._task_failed)
                    group.create_task(supervised, name=name)
                group.create_task(self.controller.run(self._cycle_done), name="control")
                systemd.ready()
                systemd.status(self.site.plant.name)
                LOGGER.info("= ready: contact and control run")
                if "eebus" in self.site.signal.sources:
                    eebus = keep_running("eebus", self._eebus, self.clock, failed=self._task_failed)
                    group.create_task(eebus, name="eebus")
                group.create_task(self._settle_memory(), name="memory")
        finally:
            self.controller.settle()
            self._writer.flush()  # what the partners still said while we told them goodbye
            await self.proof.close()

    async def let_go(self) -> None:
        """Where nothing limits, nobody stays capped because the service ends."""
        await free_who_waits(self.controller.decision, self.workers)

    async def _settle_memory(self) -> None:
        """What the start made stays: a full collection would hold up a limit by 15 ms."""
        await self.clock.sleep_until(self.clock.monotonic() + SETTLED_AFTER_S)
        gc.collect()
        gc.freeze()

    async def learn_contact(self, limiting_when: Literal["open", "closed"]) -> None:
        """Keep a polarity confirmed live; recorded (R-14A-63)."""
        if self.contact is None:
            return
        self.contact.learn(limiting_when)
        self.proof.note(Kind.CONTACT_LEARNT, {"limiting_when": limiting_when})
        self._tell_polarity()

    def _tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        calls = Calls(self)
        upkeep = Upkeep(
            self._state_dir,
            self.proof.journal,
            self.clock,
            self.controller.alarm,
            wall=WallClock(self.clock, stepped=self.proof.clock_stepped),
        )
        service = Service(self._socket_path(), calls.table(), calls.streams())
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "state": self._writer.run,
            "upkeep": upkeep.run,
            "service": service.run,
        }
        if self.contact is not None:
            tasks["contact"] = self.contact.watch.run
        for load_id, worker in self.workers.items():
            tasks[f"load {load_id}"] = worker.run
        for meter in self.meters:
            tasks[f"meter {meter.meter_id}"] = meter.run
        return tasks

    async def _eebus(self) -> None:
        if self.partners is None:
            await asyncio.to_thread(_import_eebus)  # the first orders leave in the meantime
            self.partners = self._make_partners()
        await self.partners.run(lambda: self.saved, self._plant.signal.failsafe_limit_w)

    def _make_partners(self) -> Partners:
        from ems.runtime.box import Box  # noqa: PLC0415
        from ems.runtime.partners import Folders, Partners  # noqa: PLC0415

        return Partners(
            self.site,
            Folders(identity_dir(self.site, self.options.config), self._state_dir),
            clock=self.clock,
            controller=self.controller,
            box=Box(self.controller, self._writer, self.proof, self.clock),
            proof=self.proof,
        )

    def _make_workers(self) -> None:
        links = LinkPool(self.clock)  # devices behind one endpoint share a connection
        for load in load_configs(self.site):
            opener = partial(open_load, load, self.clock, links=links)
            if load.options.pin_a is not None:
                lend = partial(self._outputs.lend, active_high=load.options.active_high)
                opener = partial(opener, make_output=lend)
            self.workers[load.id] = LoadWorker(
                load.id,
                opener,
                self.clock,
                self.controller.submit,
                poll_s=POLL_S[load.kind.value],
            )
        for meter in meter_configs(self.site):
            worker = MeterWorker(
                meter.id,
                meter.role,
                partial(open_meter, meter, self.clock, links=links),
                self.clock,
                self.controller.submit,
            )
            worker.generated = self._sum_generation
            self.meters.append(worker)

    def _give_back_outputs(self) -> None:
        """Relays that the configuration before had; not earlier, for this one might not begin."""
        pins = [(load.options.pin_a, load.options.pin_b) for load in load_configs(self.site)]
        self._outputs.keep_only({pin for pair in pins for pin in pair if pin is not None})

    def _sum_generation(self) -> None:
        """All PV meters together, once each has a fresh reading; export of a meter is negative."""
        pv = [meter for meter in self.meters if meter.role == "pv"]
        now = self.clock.monotonic()
        if any(meter.read_at is None or now - meter.read_at > PV_FRESH_S for meter in pv):
            return
        power_w = sum(-meter.reading.power_w for meter in pv if meter.reading is not None)
        self.controller.submit(GenerationMeasured(power_w=max(0, power_w), at=now))

    def _load_state(self) -> tuple[SavedState | None, bool]:
        try:
            return self._state_file.load()
        except OSError as error:
            LOGGER.error("! state cannot be read: %s", error)  # noqa: TRY400  # no trace wanted
            return None, True

    def _remember(self, command: Remember) -> None:
        self._note_marks()
        self._writer.request(command.saved, at_once=command.at_once)
        self.saved = command.saved

    def _remember_open(self, open_events: tuple[str, ...]) -> None:
        self._note_marks()
        if self.saved is not None:
            self._writer.request(self.saved, at_once=True)
        LOGGER.debug("= open events: %s", open_events)

    def _note_marks(self) -> None:
        seq, digest = self.proof.journal.head
        self._state_file.marks = Marks(
            open_events=tuple(self.proof.evidence.open_events),
            journal_seq=seq,
            journal_hash=digest,
        )

    def _decided(self, decision: Decision) -> None:
        self.proof.observe(decision)

    def _cycle_done(self) -> None:
        """A control cycle was completed: feed the watchdog unless an input pump hangs (I-12)."""
        contact = self.contact
        if contact is not None and contact.watch.sampled_at is not None:
            age_s = self.clock.monotonic() - contact.watch.sampled_at
            if age_s > SAMPLED_WITHIN_S * max(1.0, self.options.speed):
                LOGGER.error("! the contact was not sampled for %.0f s", age_s)
                return
        if self.proof.is_stuck(time.perf_counter()):
            LOGGER.error("! the journal writer hangs")
            return
        self._systemd.alive()

    def _tell_polarity(self) -> None:
        confirmed = self.contact is None or self.contact.confirmed
        self.controller.alarm(Alarm(code="W-CON-006", subject="contact", active=not confirmed))
        lost = self.contact is not None and self.contact.is_polarity_lost
        self.controller.alarm(Alarm(code="E-CON-007", subject="contact", active=lost))

    def _socket_path(self) -> Path:
        return self.options.socket_for(self._state_dir)

    def _task_failed(self, name: str, error: BaseException | None) -> None:
        why = f"{type(error).__name__}: {error}"
        params: dict[str, str | int] = {} if error is None else {"why": why}
        self.controller.alarm(
            Alarm(code="E-INT-001", subject=name, active=error is not None, params=params)
        )

    def _disk_failed(self, why: str | None) -> None:
        params: dict[str, str | int] = {} if why is None else {"why": why}
        self.controller.alarm(
            Alarm(code="E-DISK-002", subject="state", active=why is not None, params=params)
        )

    def _from_journal(self, tell: Callable[[Any], None], what: object) -> None:
        """The journal calls from threads of its own, also before the loop runs."""
        if self._loop is None:
            self._early.append(partial(tell, what))
        else:
            with contextlib.suppress(RuntimeError):  # the loop ended: there is nobody to tell
                self._loop.call_soon_threadsafe(tell, what)

    def _tell_early(self) -> None:
        early, self._early = self._early, []
        for tell in early:
            tell()

    def _journal_fault(self, why: str | None) -> None:
        params: dict[str, str | int] = {} if why is None else {"why": why}
        self.controller.alarm(
            Alarm(code="E-REC-005", subject="journal", active=why is not None, params=params)
        )

    def _journal_damaged(self, set_aside: Sequence[Path]) -> None:
        """P_min holds until the sources have spoken; open events are told anew in the new chain."""
        self.proof.begin_anew()
        self.controller.submit(JournalDamaged())
        files = ", ".join(path.name for path in set_aside)
        self.controller.alarm(
            Alarm(code="E-REC-004", subject="journal", active=True, params={"file": files})
        )


def _import_eebus() -> None:
    """200 ms of imports and codecs, in a thread: the contact must not wait for the network side."""
    for module in ("ems.runtime.box", "ems.runtime.partners"):
        importlib.import_module(module)
    from ems.runtime.partners import prepare  # noqa: PLC0415

    prepare()
