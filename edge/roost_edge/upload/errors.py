"""How an upload may end badly."""

from roost_shared.errors import TransportError

__all__ = ["UploadRefusedError"]


class UploadRefusedError(TransportError):
    """The cloud will not have a shard, and asking again soon would change nothing.

    Args:
        shard: which.
        cause: what the cloud said last.
    """

    code = "upload.refused"

    def __init__(self, shard: str, cause: TransportError) -> None:
        super().__init__(f"shard {shard[:12]}: {cause}")
        self.shard = shard
        self.cause = cause
