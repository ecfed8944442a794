"""Whether a caller shows the token that something needs; agent.toml knows tokens by their digest alone. Pure."""

import hashlib
import hmac

__all__ = ["shows_token"]


def shows_token(shown: str, sha256: str | None) -> bool:
    """Whether `shown` is the token; takes as long whether or not.

    Args:
        shown: what the caller shows; empty if nothing.
        sha256: hex digest of the token; None: there is none, and nobody can show it.
    """
    return hmac.compare_digest(hashlib.sha256(shown.encode()).hexdigest(), (sha256 or "").lower())
