"""The service process: configuration, signals, one life after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from typing import TYPE_CHECKING

from typing_extensions import override

from drivers.gpio.outputs import OutputPool
from eebus.node.clock import SystemClock
from ems.config.errors import ConfigError
from ems.config.load import load_or_last_good, load_site, remember_good
from ems.config.paths import INSTALLED, state_dir
from ems.config.takeover import check_takeover, places_of_good_copies, unusable
from ems.control.commands import Alarm
from ems.journal.record import Kind
from ems.runtime.alone import AlreadyRunningError, Claim
from ems.runtime.options import Options
from ems.runtime.plantlife import PlantLife
from ems.runtime.sd_notify import Systemd

if TYPE_CHECKING:
    from pathlib import Path

    from ems.config.load import LoadedSite
    from ems.config.problem import Problem
    from ems.config.schema import Site

__all__ = ["AlreadyRunningError", "Options", "run_service"]

LOGGER = logging.getLogger(__name__)

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class JsonLines(logging.Formatter):
    """One JSON document per log line, for machines."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "level": record.levelname.lower(),
            "area": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def run_service(options: Options) -> int:
    """Run until SIGTERM or SIGINT; the exit code of the process.

    Raises:
        ConfigError: the configuration is broken and there is no last good one.
        AlreadyRunningError: another process serves the same state folder.
    """
    loaded = _first_configuration(options.config)
    set_up_logging(loaded.site)
    claim = Claim(state_dir(loaded.site, options.config))
    try:
        for warning in loaded.warnings:
            LOGGER.warning("! %s", warning.text("en"))
        return asyncio.run(_App(options, loaded).run())
    finally:
        claim.release()


class _App:
    """Starts a life, and the next one when the configuration changed."""

    def __init__(self, options: Options, loaded: LoadedSite) -> None:
        self._options = options
        self._loaded = loaded
        self._before: LoadedSite | None = None
        self._clock = SystemClock(speed=options.speed, epoch=options.clock_epoch)
        self._systemd = Systemd(os.environ)
        self._outputs = OutputPool()
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        try:
            while not self._stop.is_set():
                await self._one_life()
        finally:
            self._outputs.close()
        return 0

    async def _one_life(self) -> None:
        life = self._new_life()
        self._tell_change(life)
        if self._loaded.broken is not None:
            life.controller.alarm(_config_alarm(self._loaded.broken))
        running = asyncio.ensure_future(life.run())
        try:
            await self._until_it_must_end(life, running)
        finally:
            if self._stop.is_set():
                self._systemd.stopping()
                if not running.done():
                    await life.let_go()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    def _tell_change(self, life: PlantLife) -> None:
        """A configuration that took over while the service ran is recorded (14a.md 4.2)."""
        if self._before is not None and self._before is not self._loaded:
            old, new = self._before.config_hash, self._loaded.config_hash
            life.proof.note(Kind.CONFIG, {"by": "SIGHUP", "old": old, "new": new})
        self._before = self._loaded

    def _new_life(self) -> PlantLife:
        """A life with the newest configuration; one that cannot begin gives way to the one before.

        The file was checked, but a folder or a device may still refuse it; ending here would leave
        the plant without control because of a new file.
        """
        try:
            life = self._life()
        except Exception as error:
            if self._before is None:
                raise
            LOGGER.exception("! the new configuration cannot be run; back to the one before")
            self._loaded = self._before
            life = self._life()
            life.controller.alarm(_config_alarm(unusable(str(error))))
        else:
            self._remember_good()
        return life

    def _life(self) -> PlantLife:
        return PlantLife(
            self._options,
            self._loaded,
            self._clock,
            self._systemd,
            self._reload.set,
            self._outputs,
        )

    async def _until_it_must_end(self, life: PlantLife, running: asyncio.Future[None]) -> None:
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            while not self._stop.is_set():
                reload = asyncio.ensure_future(self._reload.wait())
                waiting: set[asyncio.Future[object]] = {stop, reload, running}  # type: ignore[arg-type]  # invariant
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                reload.cancel()
                if running.done():
                    return
                if self._reload.is_set():
                    self._reload.clear()
                    if self._take_new_configuration(life):
                        return
        finally:
            stop.cancel()

    def _take_new_configuration(self, life: PlantLife) -> bool:
        """Read the file again; ``True`` when it is good and differs."""
        try:
            loaded = load_site(self._options.config)
            check_takeover(self._loaded.site, loaded.site, self._options.config)
        except ConfigError as error:
            problem = error.problems[0]
            LOGGER.error("! the new configuration is not used: %s", problem.text("en"))  # noqa: TRY400
            life.controller.alarm(_config_alarm(None))
            life.controller.alarm(_config_alarm(problem))
            return False
        life.controller.alarm(_config_alarm(None))
        if loaded.config_hash == self._loaded.config_hash:
            LOGGER.info("= the configuration did not change")
            self._before = self._loaded = loaded
            life.is_last_good = False
            return False
        LOGGER.info("= a new configuration takes over")
        self._systemd.reloading()
        self._loaded = loaded
        return True

    def _remember_good(self) -> None:
        if self._loaded.fallback:
            return
        folder = state_dir(self._loaded.site, self._options.config)
        try:
            remember_good(self._options.config, folder)
        except (OSError, ConfigError) as error:
            LOGGER.warning("! no copy of the configuration could be kept: %s", error)


def set_up_logging(site: Site) -> None:
    """Log to standard error, where systemd and people read."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s")
    handler.setFormatter(JsonLines() if site.log.json_lines else text)
    logging.basicConfig(level=LEVELS[site.log.level], handlers=[handler], force=True)
    for chatty in ("zeroconf", "asyncio", "websockets"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the drivers tell it better


def _first_configuration(path: Path) -> LoadedSite:
    """The configuration, or the last good copy found where such a copy may be."""
    try:
        return load_site(path)
    except ConfigError:
        for folder in places_of_good_copies(path, installed=INSTALLED):
            with contextlib.suppress(ConfigError):
                return load_or_last_good(path, folder)
        raise


def _config_alarm(problem: Problem | None) -> Alarm:
    """E-CFG-001 with what is wrong in both languages; ``None``: nothing is (any more)."""
    told: dict[str, str | int] = {}
    if problem is not None:
        told = {"why": problem.text("en"), "why_de": problem.text("de")}
    return Alarm(code="E-CFG-001", subject="ems.toml", active=problem is not None, params=told)
