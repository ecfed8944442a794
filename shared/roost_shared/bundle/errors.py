"""What can be wrong with a bundle. Every message names the file and, where there is one, the field."""

from pathlib import Path

from roost_shared.errors import ContentError

__all__ = [
    "AlteredBlobError",
    "BadBlobPathError",
    "BundleError",
    "BundleExistsError",
    "BundleVersionError",
    "MissingBlobError",
]


class BundleError(ContentError):
    """A bundle cannot be used.

    Args:
        file: the file at fault.
        problem: what is wrong with it, naming the field (`$.stages[0].digest`) where one is at fault.
    """

    code = "bundle.invalid"

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


class MissingBlobError(BundleError):
    """A file the bundle names is not there."""

    code = "bundle.missing_blob"


class AlteredBlobError(BundleError):
    """A file's bytes are not those its digest promises."""

    code = "bundle.altered_blob"


class BadBlobPathError(BundleError):
    """A digest is no digest, or a blob lies outside the bundle's folder."""

    code = "bundle.bad_path"


class BundleVersionError(BundleError):
    """The bundle follows a schema version this side does not read."""

    code = "bundle.version"


class BundleExistsError(BundleError):
    """Another bundle, or something else, lies where one was to be written."""

    code = "bundle.exists"
