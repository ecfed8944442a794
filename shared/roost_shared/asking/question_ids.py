"""The ids of one asker's questions, by which it knows its own again.

>>> ids = QuestionIds("b1")
>>> ids.new(), ids.new()
('b1:1', 'b1:2')
>>> "b1:7" in ids, "b12:7" in ids
(True, False)
"""

from itertools import count

__all__ = ["QuestionIds"]


class QuestionIds:
    """Ids never given before.

    Args:
        boot: unique to this start of whoever asks: a score for another's question, or an earlier start's, is none of
            ours.
    """

    def __init__(self, boot: str) -> None:
        self._prefix = f"{boot}:"
        self._numbers = count(1)

    def __contains__(self, question_id: str) -> bool:
        """Whether it may be one of these."""
        return question_id.startswith(self._prefix)

    def new(self) -> str:
        """The next one."""
        return f"{self._prefix}{next(self._numbers)}"
