"""The other end of the service socket, for a program that runs once and ends."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ems.cli.errors import CliError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import BufferedRWPair

Json: TypeAlias = Any
TIMEOUT_S = 10.0

_EXIT_OF_AREA = {
    "E-INT": ExitCode.INTERNAL,
    "E-SRV-004": ExitCode.USAGE,
    "E-PAIR-004": ExitCode.REFUSED,
    "E-PAIR-010": ExitCode.NEGATIVE,
    "E-CFG": ExitCode.CONFIG,
    "E-CON-002": ExitCode.TIMEOUT,
    "E-CON-004": ExitCode.NEGATIVE,
    "E-PAIR-001": ExitCode.TIMEOUT,
    "E-PAIR-002": ExitCode.USAGE,
    "E-PAIR-003": ExitCode.USAGE,
    "E-STV-001": ExitCode.USAGE,
    "E-LIM": ExitCode.FORBIDDEN,
}


def candidates(explicit: Path | None, state_dirs: list[Path]) -> list[Path]:
    """Where the service socket may be, most wanted first (docs/service.md)."""
    if explicit is not None:
        return [explicit]
    if os.environ.get("EMS_SOCKET"):
        return [Path(os.environ["EMS_SOCKET"])]
    found = [folder / "api.sock" for folder in state_dirs]
    found.append(Path("/run/ems/api.sock"))
    if os.environ.get("XDG_RUNTIME_DIR"):
        found.append(Path(os.environ["XDG_RUNTIME_DIR"]) / "ems" / "api.sock")
    return list(dict.fromkeys(found))


class Client:
    """Calls of the running service.

    Raises:
        CliError: not reachable (exit 4), no answer in time (5), or the service said no.
    """

    def __init__(self, paths: list[Path], *, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to the first of ``paths`` that answers."""
        self._paths = paths
        self._timeout_s = timeout_s

    def call(self, name: str, args: Mapping[str, Json] | None = None) -> Json:
        """``data`` of one answer."""
        with self._connect() as sock, sock.makefile("rwb") as stream:
            self._write(stream, {"call": name, "args": dict(args or {})})
            message = self._read(stream)
        if message is None:
            raise CliError("E-SRV-007", ExitCode.UNREACHABLE)
        return _data(message)

    def watch(
        self, name: str, args: Mapping[str, Json] | None = None, *, may_be_silent: bool = False
    ) -> Iterator[Json]:
        """``data`` of every line of a stream; ``may_be_silent``: only the first must be in time.

        Raises:
            CliError: as for a call, and when the service ends the stream (exit 4).
        """
        with self._connect() as sock, sock.makefile("rwb") as stream:
            self._write(stream, {"call": name, "args": dict(args or {}), "watch": True})
            while (message := self._read(stream)) is not None:
                if may_be_silent:
                    sock.settimeout(None)
                yield _data(message)
        raise CliError("E-SRV-007", ExitCode.UNREACHABLE)

    def _connect(self) -> socket.socket:
        forbidden: Path | None = None
        for path in self._paths:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self._timeout_s)
            try:
                sock.connect(str(path))
            except PermissionError:
                sock.close()
                forbidden = path
                continue
            except OSError:
                sock.close()
                continue
            return sock
        if forbidden is not None:
            raise CliError("E-SRV-006", ExitCode.FORBIDDEN, path=forbidden)
        tried = ", ".join(str(path) for path in self._paths)
        raise CliError("E-SRV-000", ExitCode.UNREACHABLE, path=tried)

    def _write(self, stream: BufferedRWPair, message: Json) -> None:
        try:
            stream.write(json.dumps(message).encode() + b"\n")
            stream.flush()
        except TimeoutError as error:
            raise CliError("E-SRV-005", ExitCode.TIMEOUT) from error
        except OSError as error:  # never to be taken for our own closed output
            raise CliError("E-SRV-007", ExitCode.UNREACHABLE) from error

    def _read(self, stream: BufferedRWPair) -> Json:
        """One message; ``None``: the service hung up."""
        try:
            line = stream.readline()
        except TimeoutError as error:
            raise CliError("E-SRV-005", ExitCode.TIMEOUT) from error
        except OSError as error:
            raise CliError("E-SRV-007", ExitCode.UNREACHABLE) from error
        if not line:
            return None
        try:
            message: Json = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            path = ", ".join(str(path) for path in self._paths)
            raise CliError("E-SRV-008", ExitCode.UNREACHABLE, path=path)
        return cast("Json", message)


def _data(message: Json) -> Json:
    if message.get("ok"):
        return message.get("data")
    failure = message.get("error", {})
    code = str(failure.get("code", "E-SRV-005"))
    exit_code = next(
        (value for area, value in _EXIT_OF_AREA.items() if code.startswith(area)),
        ExitCode.REFUSED,
    )
    raise CliError(
        code,
        exit_code,
        message=str(failure.get("message", "")),
        hint=str(failure.get("hint", "")),
        **{"why": failure.get("message", ""), **failure.get("params", {})},
    )
