"""What a builder may say beyond what the model file tells: a partial `roost.json`, in TOML.

Whatever it says replaces what was inferred; whatever it leaves out stays. A key that means nothing is an error, so
that a misspelt one is not silently ignored.

```toml
[preprocessing.payload]
fit = "letterbox"
scale = [0.00392156862745098]
[confidence]
kind = "softmax"
temperature = 1.4
[golden]
tolerance = 0.05
```
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from roost_shared.bundle.manifest import BundleDraft
from roost_shared.errors import ConfigError

__all__ = ["BuildSpec", "read_spec"]

_SETTABLE: Final = frozenset(
    {
        "agreement",
        "confidence",
        "drift",
        "drift_reference",
        "fleet_reference",
        "output",
        "parent",
        "predicted_disagreement",
        "preprocessing",
        "runtime",
        "training_run",
    }
)


class _GoldenTable(msgspec.Struct, forbid_unknown_fields=True):
    tolerance: Annotated[float, Meta(gt=0)] | None = None


class BuildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A builder's own words.

    Attributes:
        where: the file they come from, for errors.
        document: the partial `roost.json`.
        tolerance: of the golden vectors, in output units; None: inferred.
    """

    where: str = "spec"
    document: Mapping[str, Any] = {}
    tolerance: float | None = None

    def sets(self, *path: str) -> bool:
        """Whether the document says anything at `path`."""
        table: Any = self.document
        for key in path:
            if not isinstance(table, Mapping) or key not in table:
                return False
            table = table[key]
        return True

    def apply(self, draft: BundleDraft) -> BundleDraft:
        """The draft with this spec's words in place of what was inferred, every value checked.

        Raises:
            ConfigError: a key means nothing, or a value is not what the key takes.
        """
        merged = _merge(msgspec.to_builtins(draft), self.document)
        try:
            result = msgspec.convert(merged, BundleDraft)
        except msgspec.ValidationError as error:
            raise self._error("", str(error), "See the fields of roost.json") from error
        unknown = _unknown(self.document, msgspec.to_builtins(result))
        if unknown is not None:
            raise self._error(unknown, "means nothing", "See the fields of roost.json")
        return result

    def _error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(where=self.where, key=key, problem=problem, remedy=remedy)


def read_spec(path: Path) -> BuildSpec:
    """Read a TOML file.

    Raises:
        ConfigError: it cannot be read, or says what a builder cannot.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(where=str(path), key="", problem=str(error), remedy="Give a TOML file") from error
    golden = document.pop("golden", {})
    for key in document.keys() - _SETTABLE:
        raise ConfigError(
            where=str(path),
            key=key,
            problem="cannot be set",
            remedy=f"What can: golden, {', '.join(sorted(_SETTABLE))}",
        )
    try:
        tolerance = msgspec.convert(golden, _GoldenTable).tolerance
    except msgspec.ValidationError as error:
        raise ConfigError(
            where=str(path), key="golden", problem=str(error), remedy="Write tolerance = 0.05"
        ) from error
    return BuildSpec(where=str(path), document=document, tolerance=tolerance)


def _merge(inferred: Any, said: Any) -> Any:
    """`said` over `inferred`, table by table; a table of another `kind` replaces the inferred one whole."""
    if not isinstance(said, Mapping) or not isinstance(inferred, Mapping):
        return said
    if "kind" in said and said["kind"] != inferred.get("kind"):
        return said
    return {**inferred, **{key: _merge(inferred.get(key), value) for key, value in said.items()}}


def _unknown(said: Mapping[str, Any], understood: Any) -> str | None:
    """The dotted path of the first key said that the document did not take up."""
    for key, value in said.items():
        if key not in understood:
            return key
        if isinstance(value, Mapping) and (deeper := _unknown(value, understood[key])) is not None:
            return f"{key}.{deeper}"
    return None
