"""The error that a configuration raises, under the name other packages look for."""

from ems.config.problem import ConfigError, Problem

__all__ = ["ConfigError", "Problem"]
