"""What interop tests need; without it they are skipped, and with ``CI=true`` they fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

from tests.kit.lab import peer_path
from tests.kit.netns import remove_stale, why_impossible


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """In CI nobody reads skips: an interop test that did not run has failed."""
    report = yield
    if report.skipped and _in_ci() and item.get_closest_marker("interop") is not None:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI=true, an interop test must run: {reason}"
    return report


@pytest.fixture(scope="session")
def network() -> None:
    """The right to make network namespaces; what dead runs left is removed."""
    why = why_impossible()
    if why:
        pytest.skip(why)
    remove_stale()
    signal.signal(signal.SIGTERM, _interrupt)  # a stopped run cleans up as after Ctrl-C


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True, scope="module")
def _needs(request: pytest.FixtureRequest) -> None:
    """Foreign programs that a module names in ``PEERS``, then the network."""
    wanted = getattr(request.module, "PEERS", None)
    if wanted is None:
        return
    missing = [name for name in wanted if not os.access(peer_path(name), os.X_OK)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not built: run make peers")
    request.getfixturevalue("network")
