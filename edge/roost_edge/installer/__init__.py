"""Brings to the device what it is assigned: believed, fitting, fetched, verified, staged; and keeps what is in force.

A process of its own, for it loads TUF and hashes bundles. It starts no model: whether a bundle works here, the agent's
workers find out (`roost_edge.changeover`), and tell it what to put in force.
"""
