"""Limitation of Power Consumption (LPC 1.0.0), both actors."""
