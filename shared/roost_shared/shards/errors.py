"""What can be wrong with a shard."""

from roost_shared.errors import ContentError

__all__ = ["ShardListError", "WrongBytesError"]


class ShardListError(ContentError):
    """A list that describes no shard."""

    code = "shard.list"


class WrongBytesError(ContentError):
    """The bytes are not those that the list promises.

    Args:
        name: of the tar's member at fault; empty if it is what follows the last.
        problem: what is wrong with it.
    """

    code = "shard.wrong_bytes"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name or 'the end'}: {problem}")
        self.name = name
        self.problem = problem
