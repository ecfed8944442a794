"""What both sides must agree on and both run: messages, topics, policy, bundles, preprocessing, runtimes."""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
