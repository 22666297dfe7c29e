"""One ems.toml, parsed strictly into frozen models."""
