from typing import Any

import msgspec
import numpy as np
import pytest

from roost_shared.bundle.manifest import (
    ArrayPayload,
    BundleDraft,
    LabelAgreement,
    NoConfidence,
    OutputSpec,
    Preprocessing,
    Quantization,
    RuntimeNeeds,
    SoftmaxConfidence,
    TensorConfidence,
    TensorSpec,
)
from roost_shared.outputs import OutputReader
from roost_shared.runtimes import BadOutputError

LABELS = tuple("abcdefgh")
LOGITS = np.array([[0.0, 3.0, 1.0, -2.0, 2.0, 0.5, 0.2, 0.1]], np.float32)


def _reader(*tensors: TensorSpec, **changes: Any) -> OutputReader:
    draft = BundleDraft(
        name="n",
        version="1",
        task="n",
        stages=(),
        preprocessing=Preprocessing(payload=ArrayPayload(input="x")),
        labels=LABELS,
        output=OutputSpec(kind="classification", values="logits"),
        confidence=SoftmaxConfidence(),
        agreement=LabelAgreement(),
        runtime=RuntimeNeeds(runtimes=("litert",), ram_bytes=0),
    )
    return OutputReader(msgspec.structs.replace(draft, **changes), tensors)


def _tensor(dtype: Any = "float32", shape: tuple[int, ...] = (1, 8), **options: Any) -> TensorSpec:
    return TensorSpec(name="y", dtype=dtype, shape=shape, **options)


def _softmax(logits: Any) -> Any:
    exponentials = np.exp(np.asarray(logits, np.float64))
    return exponentials / exponentials.sum()


def test_logits_become_probabilities_best_first() -> None:
    scored = _reader(_tensor()).read([LOGITS])
    assert [label for label, _ in scored.top] == ["b", "e", "c", "f", "g"]
    assert scored.label == "b"
    assert scored.confidence == pytest.approx(_softmax(LOGITS)[0, 1], abs=1e-6)


@pytest.mark.parametrize("values", ["logits", "probabilities"])
def test_temperature_means_the_same_for_logits_and_probabilities(values: Any) -> None:
    output = LOGITS if values == "logits" else _softmax(LOGITS).astype(np.float32)
    spec = OutputSpec(kind="classification", values=values)
    scored = _reader(_tensor(), output=spec, confidence=SoftmaxConfidence(2.5)).read([output])
    assert scored.confidence == pytest.approx(_softmax(LOGITS / 2.5)[0, 1], abs=1e-5)


def test_quantised_probabilities_are_read_where_reported() -> None:
    tensor = _tensor("uint8", quantization=Quantization(1 / 256, 0))
    spec = OutputSpec(kind="classification", values="probabilities")
    stored = np.array([[0, 192, 0, 32, 0, 32, 0, 0]], np.uint8)
    scored = _reader(tensor, output=spec).read([stored])
    assert scored.top == [("b", 0.75), ("d", 0.125), ("f", 0.125), ("a", 0.0), ("c", 0.0)], "ties by index"


def test_confidence_may_be_an_output_of_its_own() -> None:
    own = TensorSpec(name="sure", dtype="float32", shape=(1, 1))
    scored = _reader(_tensor(), own, confidence=TensorConfidence(1)).read([LOGITS, np.array([[0.4]], np.float32)])
    assert (scored.label, scored.confidence) == ("b", 0.4)


def test_no_confidence_is_none() -> None:
    scored = _reader(_tensor(), confidence=NoConfidence()).read([LOGITS])
    assert (scored.label, scored.confidence) == ("b", None)


def test_a_regression_gives_its_number() -> None:
    tensor = _tensor("int8", (1, 1), quantization=Quantization(0.5, -10))
    reader = _reader(tensor, labels=(), output=OutputSpec(kind="regression"), confidence=NoConfidence())
    assert reader.read([np.array([[6]], np.int8)]).output == 8.0


@pytest.mark.parametrize(
    "output",
    [
        np.full((1, 8), np.nan, np.float32),
        np.full((1, 8), np.inf, np.float32),
        np.zeros((1, 7), np.float32),
        np.zeros((1, 8), np.float64),
    ],
)
def test_bad_outputs_are_refused(output: Any) -> None:
    with pytest.raises(BadOutputError):
        _reader(_tensor()).read([output])
