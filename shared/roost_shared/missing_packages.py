"""What to say where a command is installed without the packages it needs. Pure.

Both commands are on every machine that has Roost, whichever extra it was installed with.
"""

__all__ = ["what_to_install"]


def what_to_install(error: ModuleNotFoundError, extra: str) -> str | None:
    """One line with what to install, or None if it is a module of Roost's own that is not there: a mistake of ours.

    >>> what_to_install(ModuleNotFoundError("No module named 'typer'", name="typer"), "cloud")
    "there is no 'typer' here: pip install 'roost[cloud]'"
    """
    name = error.name or ""
    if not name or name.startswith("roost_"):
        return None
    return f"there is no '{name}' here: pip install 'roost[{extra}]'"
