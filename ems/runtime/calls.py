"""The calls of the service socket: what a client may ask and order (docs/service.md)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from ems.control.events import TestLimitChanged
from ems.control.grid_limit import UNLIMITED, Limited, Source
from ems.journal.record import Kind
from ems.runtime.service import CallError
from ems.runtime.status import decision_json, limit_json, load_json, timeline_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from drivers.api import Clock
    from ems.config.schema import Site
    from ems.runtime.contact_service import ContactService
    from ems.runtime.controller import Controller
    from ems.runtime.options import Options
    from ems.runtime.partners import Partners
    from ems.runtime.proof import Proof
    from ems.runtime.service import Call, Stream
    from ems.runtime.workers import LoadWorker, MeterWorker

Json: TypeAlias = Any

STATUS_EVERY_S = 1.0
TEST_LIMIT_MAX_S = 24 * 3600.0
MAX_LIMIT_W = 10_000_000
CONTACT_EVERY_S = 0.2
PAIR_CALLS = tuple(
    f"pair.{verb}"
    for verb in ("list", "discover", "add", "accept", "reject", "remove", "window", "wait", "why")
)


class Life(Protocol):
    """The running plant as far as a client may see and order it."""

    options: Options
    site: Site
    started_at: float
    config_hash: str
    is_last_good: bool
    controller: Controller
    proof: Proof
    contact: ContactService | None
    partners: Partners | None

    @property
    def clock(self) -> Clock: ...

    @property
    def workers(self) -> Mapping[str, LoadWorker]: ...

    @property
    def meters(self) -> Sequence[MeterWorker]: ...

    def reload(self) -> None:
        """Have the configuration read again."""
        ...

    async def learn_contact(self, limiting_when: Literal["open", "closed"]) -> None:
        """Keep a polarity confirmed live."""
        ...


class Calls:
    """Answers; every method takes ``args`` and gives JSON or raises ``CallError``."""

    def __init__(self, life: Life) -> None:
        """Speak for ``life``, the running plant."""
        self._life = life

    def table(self) -> dict[str, Call]:
        """Calls by name."""
        return {
            "status": self.status,
            "limit.show": self.limit_show,
            "limit.test": self.limit_test,
            "limit.release": self.limit_release,
            "steuve.list": self.status,
            "steuve.why": self.steuve_why,
            "contact.show": self.contact_show,
            "contact.learn": self.contact_learn,
            "config.reload": self.config_reload,
            "identity.show": self.identity_show,
            "version": self.version,
            **{name: partial(self._pair, name) for name in PAIR_CALLS},
        }

    def streams(self) -> dict[str, Stream]:
        """Streams by name."""
        return {
            "status": self.watch_status,
            "timeline": self.watch_timeline,
            "contact.watch": self.watch_contact,
        }

    async def status(self, args: Mapping[str, Json]) -> Json:
        life = self._life
        now = life.clock.monotonic()
        picture = decision_json(life.controller.decision, now, life.workers, life.meters)
        alarms = [
            {
                "code": alarm.code,
                "subject": alarm.subject,
                "since": alarm.since_utc.isoformat(timespec="seconds"),
                "params": dict(alarm.params),
            }
            for alarm in life.controller.alarms.values()
        ]
        return {
            "plant": life.site.plant.name,
            "at": life.clock.utcnow().isoformat(timespec="seconds"),
            "t_s": round(now, 3),
            "up_s": round(now - life.started_at, 1),
            "version": metadata.version("ems-14a"),
            **picture,
            "alarms": alarms,
            "contact": self._contact(),
            "eebus": None if life.partners is None else life.partners.as_json(now),
            "journal": {
                "records": life.proof.journal.head[0],
                "waiting": life.proof.journal.waiting,
                "fault": life.proof.journal.fault,
                "open_events": list(life.proof.evidence.open_events),
            },
            "config": {
                "path": str(life.options.config),
                "hash": life.config_hash,
                "is_last_good": life.is_last_good,
            },
        }

    async def limit_show(self, args: Mapping[str, Json]) -> Json:
        life = self._life
        now = life.clock.monotonic()
        picture = decision_json(life.controller.decision, now, life.workers, life.meters)
        return {key: picture[key] for key in ("signal", "sources", "budget_w", "pmin_14a_w")}

    async def limit_test(self, args: Mapping[str, Json]) -> Json:
        limit_w, for_s = int(args["limit_w"]), float(args.get("for_s", 300.0))
        if not 0 <= limit_w <= MAX_LIMIT_W or not 0 < for_s <= TEST_LIMIT_MAX_S:
            hint = f"0 to {MAX_LIMIT_W} W, for more than 0 s and at most 24 h"
            raise CallError("E-SRV-004", f"a test limit of {limit_w} W for {for_s} s", hint)
        life = self._life
        expires_at = life.clock.monotonic() + for_s
        life.proof.note(Kind.TEST_RUN, {"what": "limit", "limit_w": limit_w, "for_s": for_s})
        life.controller.submit(
            TestLimitChanged(limit=Limited(limit_w, Source.TEST), expires_at=expires_at)
        )
        return await self.limit_show(args)

    async def limit_release(self, args: Mapping[str, Json]) -> Json:
        life = self._life
        life.proof.note(Kind.TEST_RUN, {"what": "release"})
        life.controller.submit(TestLimitChanged(limit=UNLIMITED))
        return await self.limit_show(args)

    async def steuve_why(self, args: Mapping[str, Json]) -> Json:
        life = self._life
        wanted = str(args["id"])
        decision = life.controller.decision
        for view in decision.loads:
            if view.load_id == wanted:
                return {
                    "steuve": load_json(view, life.workers.get(wanted)),
                    "signal": limit_json(decision.effective),
                    "budget_w": decision.budget_w,
                }
        known = ", ".join(view.load_id for view in decision.loads)
        raise CallError(
            "E-STV-001", f"no SteuVE {wanted}", f"known: {known}", id=wanted, known=known
        )

    async def contact_show(self, args: Mapping[str, Json]) -> Json:
        contact = self._contact()
        if contact is None:
            raise CallError("E-CON-003", "no contact is configured", "section [signal.contact]")
        return contact

    async def contact_learn(self, args: Mapping[str, Json]) -> Json:
        limiting_when = args["limiting_when"]
        if limiting_when not in ("open", "closed"):
            raise CallError("E-SRV-004", "limiting_when is open or closed")
        await self.contact_show(args)
        await self._life.learn_contact(limiting_when)
        return await self.contact_show(args)

    async def config_reload(self, args: Mapping[str, Json]) -> Json:
        self._life.reload()
        return {"requested": True}

    async def identity_show(self, args: Mapping[str, Json]) -> Json:
        from ems.runtime.identity_card import card  # noqa: PLC0415 - only where EEBUS runs

        partners = self._life.partners
        if partners is None or partners.identity is None:
            raise _without_eebus()
        return card(partners.identity, self._life.site.eebus)

    async def version(self, args: Mapping[str, Json]) -> Json:
        return {"ems": metadata.version("ems-14a")}

    async def watch_status(self, args: Mapping[str, Json]) -> AsyncIterator[Json]:
        clock = self._life.clock
        while True:
            yield await self.status(args)
            await clock.sleep_until(clock.monotonic() + STATUS_EVERY_S)

    async def watch_timeline(self, args: Mapping[str, Json]) -> AsyncIterator[Json]:
        clock = self._life.clock
        at = clock.monotonic()
        while True:
            yield timeline_json(self._life.controller.decision, clock.monotonic())
            at = max(at + 1.0, clock.monotonic())
            await clock.sleep_until(at)

    async def watch_contact(self, args: Mapping[str, Json]) -> AsyncIterator[Json]:
        clock = self._life.clock
        told: Json = None
        while True:
            contact = await self.contact_show(args)
            if contact != told:
                told = contact
                yield contact
            await clock.sleep_until(clock.monotonic() + CONTACT_EVERY_S)

    async def _pair(self, name: str, args: Mapping[str, Json]) -> Json:
        partners = self._life.partners
        if partners is None or partners.pairing is None:
            raise _without_eebus()
        return await partners.pairing.table()[name](args)

    def _contact(self) -> Json:
        contact = self._life.contact
        return None if contact is None else asdict(contact.view())


def _without_eebus() -> CallError:
    hint = "see ems status; section [eebus] and E-ID-001 tell more"
    return CallError("E-PAIR-011", "the EEBUS side does not run", hint)
