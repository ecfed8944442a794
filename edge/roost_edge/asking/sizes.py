"""What size of picture the cloud contestants of a task take, learned from their scores. Pure.

A size belongs to a bundle: once scores name another, it is the new one's that counts, and until that is known, none.

>>> sizes = Sizes(["big", "huge"], max_pixels=1_000_000)
>>> sizes.learn("big", "meter:1@sha256:aa", InputSize(20, 32))
>>> sizes.agreed(["big"]), sizes.agreed(["big", "huge"])
(InputSize(width=20, height=32, colour='RGB', resample='bilinear'), None)
>>> sizes.learn("big", "meter:2@sha256:bb", None)
>>> sizes.agreed(["big"]) is None
True
"""

from collections.abc import Collection, Iterable, Mapping

from roost_shared.questions import InputSize

__all__ = ["Sizes"]


class Sizes:
    """What is known of one task's contestants.

    Args:
        contestants: that shrunken pictures may be sent to; nothing is learned of others.
        max_pixels: a larger size is no scorer's in its senses.
    """

    def __init__(self, contestants: Iterable[str] = (), *, max_pixels: int = 25_000_000) -> None:
        self._contestants = frozenset(contestants)
        self._max_pixels = max_pixels
        self._known: dict[str, tuple[str, InputSize]] = {}  # by contestant: bundle and size

    @property
    def known(self) -> dict[str, tuple[str, InputSize]]:
        """By contestant: its bundle, and what size that takes."""
        return dict(self._known)

    def recall(self, known: Mapping[str, tuple[str, InputSize]]) -> None:
        """Know on what was known before of those that are its contestants."""
        self._known |= {name: said for name, said in known.items() if name in self._contestants}

    def learn(self, contestant: str, bundle: str | None, size: InputSize | None) -> None:
        """A contestant has spoken.

        Args:
            contestant: who.
            bundle: the one it runs, as its score says; None where it runs none.
            size: what that takes; None where the score does not tell.
        """
        if contestant not in self._contestants or bundle is None:
            return
        if size is not None and self._makes_sense(size):
            self._known[contestant] = (bundle, size)
        elif self._known.get(contestant, (bundle,))[0] != bundle:
            del self._known[contestant]

    def agreed(self, contestants: Collection[str]) -> InputSize | None:
        """The size that all of these take; None unless each is known, and they are of one mind."""
        sizes = {self._known[one][1] if one in self._known else None for one in contestants}
        return sizes.pop() if len(sizes) == 1 else None

    def _makes_sense(self, size: InputSize) -> bool:
        return size.width > 0 and size.height > 0 and size.width * size.height <= self._max_pixels
