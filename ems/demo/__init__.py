"""The demo: control box, site and EMS as separate programs, played live or as a judged story.

For people who want to see the main job without hardware, and for the scenario tests. Entry point:
``run_demo``.
"""

from __future__ import annotations

from ems.demo.main import run_demo
from ems.demo.options import DemoOptions

__all__ = ["DemoOptions", "run_demo"]
