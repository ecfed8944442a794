"""Which version of MQTT to speak to a broker. Pure.

The one in the settings, but 3.1.1 instead of 5 for two reasons:

- The broker said that it does not speak MQTT 5. That is remembered for good.
- It sent what we cannot read, and again: one such packet, redelivered on every connection, must not keep the device
  off the air. To a 3.1.1 client a broker sends no properties, in which there is most to misread, so the input is
  answered, if without its Correlation Data. MQTT 5 is tried again after a 3.1.1 connection that was steady.

>>> dialect = Dialect(5)
>>> for _ in range(2):
...     dialect.ended(unreadable=True, steady=False)
>>> dialect.version
4
>>> dialect.ended(unreadable=False, steady=True)
>>> dialect.version
5
"""

from typing import Final, Literal

__all__ = ["Dialect", "Version"]

Version = Literal[4, 5]  # MQTT protocol levels: 3.1.1 and 5
_OLD: Final = 4
_PATIENCE: Final = 2  # connections in a row that may end over what we cannot read


class Dialect:
    """The protocol level to use with one broker.

    Args:
        preferred: the level to begin with.
    """

    def __init__(self, preferred: Version) -> None:
        self._preferred = preferred
        self._unreadable = 0  # connections ended so, with none in between that was steady

    @property
    def version(self) -> Version:
        """The level to use next."""
        return _OLD if self._unreadable >= _PATIENCE else self._preferred

    def unsupported(self) -> bool:
        """The broker does not speak `version`; whether there is another to try."""
        was = self.version
        self._preferred = _OLD
        return was != _OLD

    def ended(self, *, unreadable: bool, steady: bool) -> None:
        """A connection that stood has ended.

        Args:
            unreadable: because the broker sent what we cannot read.
            steady: after it had lasted long enough for whatever is redelivered to have come.
        """
        if steady:
            self._unreadable = 0
        if unreadable:
            self._unreadable += 1
