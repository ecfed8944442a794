"""What is refused of a shard, beside what its list and its bytes raise (`roost_shared.shards`)."""

from roost_shared.errors import ContentError

__all__ = ["ShardMismatchError"]


class ShardMismatchError(ContentError):
    """A shard is announced under an id or with a size that its list does not have."""

    code = "shard.mismatch"
