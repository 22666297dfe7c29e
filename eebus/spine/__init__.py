"""SPINE 1.3.0 as a sans-IO resource model: datagrams and time in, datagrams and events out."""
