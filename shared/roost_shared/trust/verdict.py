"""python-tuf's errors as ours: who has to act, and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)

from roost_shared.trust.errors import (
    Reason,
    TrustRefusedError,
    TrustStaleError,
    TrustUnreachableError,
    TrustUnwritableError,
)

__all__ = ["judging"]

# The first class that fits.
_REASONS: Final[tuple[tuple[type[Exception], Reason], ...]] = (
    (UnsignedMetadataError, "signature"),
    (BadVersionNumberError, "rollback"),
    (LengthOrHashMismatchError, "mismatch"),
    (DownloadLengthMismatchError, "too_large"),
    (RepositoryError, "malformed"),
)


@contextmanager
def judging() -> Iterator[None]:
    """Turn what TUF's client raises inside into errors of `errors.py`."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise TrustStaleError(str(error)) from error
    except (RepositoryError, DownloadLengthMismatchError) as error:
        reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
        raise TrustRefusedError(reason, str(error) or type(error).__name__) from error
    except DownloadError as error:
        status = error.status_code if isinstance(error, DownloadHTTPError) else None
        raise TrustUnreachableError(str(error), status) from error
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise TrustUnwritableError(f"{where}{error.strerror or error}") from error
