"""Why a folder cannot be exported to."""

from roost_shared.errors import ContentError

__all__ = ["DamagedPlanError", "ExportExistsError", "OtherExportError", "SampleGoneError"]


class ExportExistsError(ContentError):
    """The folder holds a finished export, which another would mix with."""

    code = "export.exists"


class DamagedPlanError(ContentError):
    """The folder holds an unfinished export whose plan cannot be read any more."""

    code = "export.damaged"


class SampleGoneError(ContentError):
    """A sample was removed after the export had been planned: it cannot become what was planned any more."""

    code = "export.sample_gone"


class OtherExportError(ContentError):
    """The folder holds an unfinished export of other samples, or in another format."""

    code = "export.other"
