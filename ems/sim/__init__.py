"""Simulators that speak the real protocols, as separate programs."""
