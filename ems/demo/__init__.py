"""The demo: control box, site and EMS as separate programs, played live or as a judged story.

For people who want to see the main job without hardware, and for the scenario tests. Entry point:
``ems.demo.main.demo``.
"""
