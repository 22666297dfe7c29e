"""Proof for the grid operator: append-only, hash-chained records."""
