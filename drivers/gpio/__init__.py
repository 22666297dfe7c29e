"""Devices switched by outputs, such as SG-Ready heat pumps."""
