"""Composition root and pumps: moves bytes and time, decides nothing."""
