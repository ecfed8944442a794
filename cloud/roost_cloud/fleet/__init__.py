"""Devices: how they get an identity, prove it, lose it, and what is known of them."""
