"""Typed test doubles: a clock that only moves when told, wires, peers."""
