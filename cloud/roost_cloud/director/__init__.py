"""The role `director`: what has to be done now and then, whether anybody asks or not.

Today that is removing what nothing refers to, in the registry and among shards on their way, keeping trust fresh, and
removing samples that are older than they may get. What a duty does is in its own room; here, in `worker`, is only
when.
"""
