"""Chance for waits, samples and orders, which guards nothing: from the system, never from Python's shared generator.

That one's state belongs to whoever runs us: a program that has seeded it to repeat a run must not find that a thread
of ours has drawn in between, nor may two processes of ours draw alike because both were seeded.

>>> 0 <= CHANCE.random() < 1
True
"""

import random
from typing import Final

__all__ = ["CHANCE"]

CHANCE: Final = random.SystemRandom()
