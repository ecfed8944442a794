"""The reference set: labelled inputs that a model is known to be good at, in a tar that travels with its bundle.

A model made of this one is trained on those of part `train` and judged by those of part `test`, so that it cannot
become better at the new by becoming worse at the old. The tar is a WebDataset, the same for the same inputs:

    {sha256}.jpg     the input, byte for byte, named by its digest
    {sha256}.json    {"label": "7", "weight": 1.0, "device": "cam-3", "part": "test"}

Whoever reads it believes nothing: members come in pairs, are plain files within limits, and have the digest that they
are called by. Nothing is unpacked to a disk.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, Literal, NamedTuple, Protocol, get_args

import msgspec
from msgspec import Meta

from roost_shared.bundle.manifest import ReferenceSpec
from roost_shared.digest import digest_of
from roost_shared.errors import ContentError
from roost_shared.messages import UNREADABLE
from roost_shared.shards.media import Suffix

__all__ = [
    "MAX_INPUT_BYTES",
    "MAX_REFERENCE_BYTES",
    "MAX_SAMPLES",
    "ReferencePart",
    "ReferenceSample",
    "ReferenceSetError",
    "Stream",
    "encode_reference",
    "read_reference_stream",
]

MAX_REFERENCE_BYTES: Final = 256 << 20  # bytes, of the tar
MAX_INPUT_BYTES: Final = 32 << 20  # bytes, of an input
MAX_SAMPLES: Final = 50_000
_MAX_JSON_BYTES: Final = 64 << 10
_READ_BYTES: Final = 1 << 20  # at a time
_MAX_WEIGHT: Final = 1e9
_MTIME: Final = 315532800  # 1980-01-01 in UTC: plain tar finds nothing earlier plausible

ReferencePart = Literal["train", "test"]


class Stream(Protocol):
    """What bytes can be read of."""

    def read(self, size: int, /) -> bytes:
        """At most that many; none at its end."""


class ReferenceSetError(ContentError):
    """A reference set cannot be used."""

    code = "bundle.reference"


class ReferenceSample(NamedTuple):
    """An input of a reference set.

    Attributes:
        sha256: of its bytes, hex: what it is called.
        suffix: of its file, by which its media type is known.
        payload: its bytes.
        label: what it shows.
        weight: of how many inputs like it this one is the survivor.
        device: that it came from; empty: not known.
        part: `train`: successors may learn it; `test`: they are judged by it, and never see it.
    """

    sha256: str
    suffix: Suffix
    payload: bytes
    label: str
    weight: float
    device: str
    part: ReferencePart


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON beside an input."""

    label: Annotated[str, Meta(min_length=1, max_length=1000)]
    weight: Annotated[float, Meta(gt=0, le=_MAX_WEIGHT)] = 1.0
    device: Annotated[str, Meta(max_length=200)] = ""
    part: ReferencePart


def encode_reference(samples: Iterable[ReferenceSample]) -> tuple[ReferenceSpec, bytes]:
    """A reference set as it travels; the same samples, in whatever order, are the same bytes.

    Raises:
        ReferenceSetError: there are none, an input is in it twice, what is said of it makes no sense, or a limit is
            passed.
    """
    ordered = sorted(samples, key=lambda sample: sample.sha256)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        previous = ""
        for sample in ordered:
            if sample.sha256 == previous:
                raise ReferenceSetError(f"the input {previous} is in the reference set twice")
            previous = sample.sha256
            _add(tar, f"{sample.sha256}.{sample.suffix}", sample.payload, MAX_INPUT_BYTES)
            _add(tar, f"{sample.sha256}.json", _encode_said(sample), _MAX_JSON_BYTES)
    data = file.getvalue()
    if not 0 < len(ordered) <= MAX_SAMPLES or len(data) > MAX_REFERENCE_BYTES:
        raise ReferenceSetError(
            f"a reference set holds 1 to {MAX_SAMPLES:,} inputs and at most {MAX_REFERENCE_BYTES >> 20} MiB, and this"
            f" one {len(ordered):,} and {len(data) / (1 << 20):.1f} MiB: take fewer or smaller ones"
        )
    return ReferenceSpec(digest=digest_of(data), size_bytes=len(data), samples=len(ordered)), data


def _encode_said(sample: ReferenceSample) -> bytes:
    said = {"label": sample.label, "weight": sample.weight, "device": sample.device, "part": sample.part}
    try:
        return msgspec.json.encode(msgspec.convert(said, _Said))
    except msgspec.ValidationError as error:
        raise ReferenceSetError(f"{sample.sha256}: {error}") from error


def _add(tar: tarfile.TarFile, name: str, data: bytes, limit_bytes: int) -> None:
    if len(data) > limit_bytes:
        raise ReferenceSetError(f"{name}: is larger than {limit_bytes} bytes")
    member = tarfile.TarInfo(name)
    member.size, member.mtime = len(data), _MTIME
    tar.addfile(member, io.BytesIO(data))


def read_reference_stream(where: str, stream: Stream, spec: ReferenceSpec) -> Iterator[ReferenceSample]:
    """A reference set's samples, one at a time in memory, in the order of their digests.

    Args:
        where: it comes from, for errors.
        stream: the tar, whose digest is checked when all of it was read.
        spec: what the bundle says of it.

    Raises:
        ReferenceSetError: it is none, or another than the bundle says; found out when it is come to.
        Exception: what reading the stream raises.
    """
    if spec.size_bytes > MAX_REFERENCE_BYTES or spec.samples > MAX_SAMPLES:
        raise ReferenceSetError(f"{where}: is larger than a reference set may be")
    reader = _Reader(where, stream, spec.size_bytes)
    previous, number = "", 0
    members = reader.members()
    for name, payload in members:
        sample = _sample(where, name, payload, next(members, None))
        if sample.sha256 <= previous:
            raise ReferenceSetError(f"{where}: {name} is not in the order of digests")
        previous, number = sample.sha256, number + 1
        yield sample
    if number != spec.samples:
        raise ReferenceSetError(f"{where}: holds {number} inputs, the bundle promises {spec.samples}")
    if reader.digest() != spec.digest:
        raise ReferenceSetError(f"{where}: is not {spec.digest}")


def _sample(where: str, name: str, payload: bytes, beside: tuple[str, bytes] | None) -> ReferenceSample:
    sha256, _, suffix = name.partition(".")
    if suffix not in get_args(Suffix) or hashlib.sha256(payload).hexdigest() != sha256:
        raise ReferenceSetError(f"{where}: {name} is not called by its digest and kind")
    if beside is None or beside[0] != f"{sha256}.json":
        raise ReferenceSetError(f"{where}: behind {name} is not its JSON")
    try:
        said = msgspec.json.decode(beside[1].decode(), type=_Said)
    except UNREADABLE as error:
        raise ReferenceSetError(f"{where}: {beside[0]}: {error}") from error
    return ReferenceSample(
        sha256=sha256,
        suffix=suffix,  # type: ignore[arg-type]
        payload=payload,
        label=said.label,
        weight=said.weight,
        device=said.device,
        part=said.part,
    )


class _Reader:
    """Reads a tar, of which only plain files may be there, and not a byte more than was promised."""

    def __init__(self, where: str, stream: Stream, size_bytes: int) -> None:
        self._where = where
        self._stream = stream
        self._left_bytes = size_bytes
        self._digest = hashlib.sha256()

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Names and bytes."""
        while any(header := self._read(tarfile.BLOCKSIZE, "a header")):
            try:
                member = tarfile.TarInfo.frombuf(header, "ascii", "strict")
            except (tarfile.HeaderError, UnicodeDecodeError) as error:
                raise ReferenceSetError(f"{self._where}: holds what is no tar's header: {error}") from error
            name = member.name[:100]
            limit = _MAX_JSON_BYTES if name.partition(".")[2] == "json" else MAX_INPUT_BYTES
            if member.type != tarfile.REGTYPE or not 0 <= member.size <= limit:
                raise ReferenceSetError(f"{self._where}: {name!r} is no plain file of at most {limit} bytes")
            data = self._read(member.size, name)
            self._read(-member.size % tarfile.BLOCKSIZE, name)
            yield name, data

    def digest(self) -> str:
        """Of all of it: what is left is read for that.

        Raises:
            ReferenceSetError: more follows than was promised.
        """
        while self._left_bytes:
            self._read(min(self._left_bytes, _READ_BYTES), "its end")
        if self._stream.read(1):
            raise ReferenceSetError(f"{self._where}: is longer than the bundle promises")
        return f"sha256:{self._digest.hexdigest()}"

    def _read(self, size_bytes: int, what: str) -> bytes:
        data = bytearray()
        while len(data) < size_bytes:
            piece = self._stream.read(min(size_bytes - len(data), self._left_bytes))
            if not piece:
                raise ReferenceSetError(f"{self._where}: ends within {what}")
            data += piece
            self._digest.update(piece)
            self._left_bytes -= len(piece)
        return bytes(data)
