"""A manifest may be any bytes: it is read, or refused as what it is, and nothing else happens."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost_cloud.registry.candidate import Candidate
from roost_shared.bundle import BundleError, oci
from roost_shared.errors import ContentError

digests = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__)
descriptors = st.builds(
    oci.Descriptor,
    media_type=st.sampled_from([oci.WEIGHT_MEDIA_TYPE, "application/x-other"]),
    digest=st.one_of(digests, st.text(max_size=80)),
    size=st.integers(min_value=0, max_value=1 << 40),
    annotations=st.dictionaries(
        st.just(oci.FILEPATH_ANNOTATION), st.sampled_from([oci.CONFIG_FILE, "head.tflite"]), max_size=1
    ),
)
manifests = st.builds(
    oci.Manifest,
    artifact_type=st.just(oci.MODEL_ARTIFACT_TYPE),
    config=descriptors,
    layers=st.lists(descriptors, max_size=6),
)


@given(manifests)
def test_candidate_names_every_blob_once_or_is_refused(manifest: oci.Manifest) -> None:
    data = msgspec.json.encode(manifest)
    try:
        candidate = Candidate.of(data)
    except BundleError:
        return
    named = [manifest.config, *manifest.layers]
    assert candidate.sizes == {blob.digest: blob.size for blob in named}
    assert all(blob.digest.removeprefix("sha256:").isalnum() for blob in named)
    assert candidate.config_digest in candidate.sizes
    with pytest.raises(ContentError):
        candidate.read_config(b"of another digest")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_as_a_bundle(data: bytes) -> None:
    with pytest.raises(BundleError):
        Candidate.of(data)
