"""The energy guard of the SPINE cases, speaking with the controllable system over real TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.spine.rig import START, GuardTool
from tests.kit.tls_device import TlsDevice


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[GuardTool]:
    guard = GuardTool()
    actors: Any = guard.device
    with TlsDevice(actors, tmp_path, START).running() as device:
        at_the_far_end: Any = device
        guard.device, guard.ski = at_the_far_end, device.tool.ski
        yield guard
