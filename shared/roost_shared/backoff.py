"""How long to wait before trying again: exponential backoff with full jitter.

Each failure doubles the ceiling up to a limit, and the wait is drawn evenly below the ceiling, so that a
fleet whose broker came back does not knock on its door all at once ("Exponential Backoff And Jitter", AWS
Architecture Blog, 2015: full jitter costs the fewest calls). Pure: the randomness comes in, the waiting is
done elsewhere.

>>> backoff = Backoff(first_ns=1_000, limit_ns=3_000)
>>> [backoff.next_ns(1.0) for _ in range(4)]
[1000, 2000, 3000, 3000]
>>> backoff.reset()
>>> backoff.next_ns(0.5)
500
"""

__all__ = ["Backoff"]


class Backoff:
    """The waits after a row of failures.

    Args:
        first_ns: ceiling of the first wait, in nanoseconds, above zero.
        limit_ns: ceiling no wait exceeds, in nanoseconds, at least `first_ns`.
        factor: what each failure multiplies the ceiling by, at least 1.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(self, first_ns: int, limit_ns: int, factor: int = 2) -> None:
        if not 0 < first_ns <= limit_ns or factor < 1:
            raise ValueError(f"need 0 < first_ns <= limit_ns and factor >= 1, got {first_ns}, {limit_ns}, {factor}")
        self._first_ns = first_ns
        self._limit_ns = limit_ns
        self._factor = factor
        self._ceiling_ns = first_ns

    def next_ns(self, random: float) -> int:
        """The next wait, in nanoseconds: `random` (0…1) of the ceiling, which then grows."""
        wait_ns = round(self._ceiling_ns * random)
        self._ceiling_ns = min(self._limit_ns, self._ceiling_ns * self._factor)
        return wait_ns

    def reset(self) -> None:
        """Start over, after a success."""
        self._ceiling_ns = self._first_ns
