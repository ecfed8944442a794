"""Shards from devices: received in parts, checked against their lists, and each input then found by its sample.

`uploads` brings them, `collection` clears away what devices began and never ended. What a shard is, and the layout of
its tar, is `roost_shared.shards`.
"""
