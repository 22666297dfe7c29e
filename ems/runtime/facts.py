"""What every event record repeats about the plant."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from ems.journal.evidence import SiteFacts

if TYPE_CHECKING:
    from ems.config.schema import Site
    from ems.control.plant import Plant


def site_facts(site: Site, plant: Plant, config_hash: str) -> SiteFacts:
    """Plant, meter, rule version, software and configuration (14a.md 4.2)."""
    return SiteFacts(
        site=site.plant.name,
        market_location=site.plant.market_location,
        meter_number=site.plant.meter_number,
        attribution=site.signal.attribution.value,
        pmin_rule_version=plant.pmin.rules_version,
        software_version=metadata.version("ems-14a"),
        config_hash=config_hash,
        below_pmin=site.signal.below_pmin.value,
    )
