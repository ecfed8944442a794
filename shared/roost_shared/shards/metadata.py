"""The JSON beside each input: its sample record, with the final probability and its weight.

Made from the record's own bytes and not by way of its struct, so that a newer device makes the same of a record that
an older one kept: the shard's list has promised these bytes.

>>> import msgspec
>>> encode_metadata(msgspec.msgpack.encode({"kind": "sample", "sample": "b-1", "probability": 1.0}), 0.25)
b'{"kind":"sample","sample":"b-1","probability":0.25,"weight":4.0}'
"""

from typing import Any, Final

import msgspec

from roost_shared.messages import MessageError

__all__ = ["encode_metadata"]

_decoder: Final = msgspec.msgpack.Decoder(dict[str, Any])
_encoder: Final = msgspec.json.Encoder()


def encode_metadata(record: bytes, probability: float) -> bytes:
    """The JSON of a sample record.

    Args:
        record: as `records.encode_record` made it.
        probability: with which the input was kept in the end, in place of the record's own, which thinning may have
            lowered since.

    Raises:
        MessageError: it is no record.
    """
    try:
        document = _decoder.decode(record)
        return _encoder.encode(document | {"probability": probability, "weight": 1 / probability})
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise MessageError(f"Record: {error}") from error
