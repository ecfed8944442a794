"""Servers that Roost's scorer is measured beside: each with the same model, by that project's own way of serving it.

They run in an environment of their own (`scripts.roost_bench.peer_site`), so they import nothing of ours.
"""
