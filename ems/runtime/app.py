"""The service process: configuration, signals, one life after the other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from typing_extensions import override

from eebus.node.clock import SystemClock
from ems.config.errors import ConfigError
from ems.config.load import load_or_last_good, load_site, remember_good
from ems.config.paths import INSTALLED, state_dir
from ems.control.commands import Alarm
from ems.runtime.options import Options
from ems.runtime.plantlife import PlantLife
from ems.runtime.sd_notify import Systemd

if TYPE_CHECKING:
    from pathlib import Path

    from ems.config.load import LoadedSite
    from ems.config.schema import Site

__all__ = ["Options", "run_service"]

LOGGER = logging.getLogger(__name__)

EXIT_CONFIG = 3
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
    """Run until SIGTERM or SIGINT; the exit code of the process."""
    try:
        loaded = _first_configuration(options.config)
    except ConfigError as error:
        for problem in error.problems:
            sys.stderr.write(problem.text("en") + "\n")
        return EXIT_CONFIG
    set_up_logging(loaded.site)
    for warning in loaded.warnings:
        LOGGER.warning("! %s", warning.text("en"))
    return asyncio.run(_App(options, loaded).run())


class _App:
    """Starts a life, and the next one when the configuration changed."""

    def __init__(self, options: Options, loaded: LoadedSite) -> None:
        self._options = options
        self._loaded = loaded
        self._clock = SystemClock(speed=options.speed, epoch=options.clock_epoch)
        self._systemd = Systemd(os.environ)
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        while not self._stop.is_set():
            await self._one_life()
        return 0

    async def _one_life(self) -> None:
        life = PlantLife(self._options, self._loaded, self._clock, self._systemd, self._reload.set)
        self._remember_good()
        if self._loaded.fallback:
            life.controller.alarm(_config_alarm(self._loaded.warnings[0].text("en"), active=True))
        running = asyncio.ensure_future(life.run())
        try:
            await self._until_it_must_end(life, running)
        finally:
            if self._stop.is_set() and not running.done():
                await life.let_go()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

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
        except ConfigError as error:
            why = error.problems[0].text("en")
            LOGGER.error("! the new configuration is not used: %s", why)  # noqa: TRY400
            life.controller.alarm(_config_alarm(why, active=True))
            return False
        life.controller.alarm(_config_alarm("", active=False))
        if loaded.config_hash == self._loaded.config_hash:
            LOGGER.info("= the configuration did not change")
            return False
        LOGGER.info("= a new configuration takes over")
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
    for chatty in ("zeroconf", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # the drivers tell it better


def _first_configuration(path: Path) -> LoadedSite:
    """The configuration, or the last good copy found where such a copy may be."""
    for folder in _places_of_good_copies(path):
        try:
            return load_or_last_good(path, folder)
        except ConfigError:
            continue
    return load_site(path)


def _places_of_good_copies(path: Path) -> list[Path]:
    """A broken file cannot tell its state folder: look where it may be."""
    places = [path.absolute().parent / "state", path.absolute().parent, INSTALLED]
    told = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if told:
        places.insert(0, type(path)(told))
    try:
        places.insert(0, state_dir(load_site(path).site, path))
    except ConfigError:
        LOGGER.debug("the configuration is broken; looking for its last good copy")
    return places


def _config_alarm(why: str, *, active: bool) -> Alarm:
    return Alarm(code="E-CFG-001", subject="ems.toml", active=active, params={"why": why})
