"""Limitation of power consumption (LPC V1.0.0): ``server.LpcServer``, ``client.EnergyGuard``."""
