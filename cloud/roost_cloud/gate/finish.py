"""A candidate that passed, written anew with what the gate found: how often it will disagree, how often it was right.

It gets the incumbent's reference set, by name: its trainer had not the part of it to judge by, and whoever registers
the candidate has. All else of it stays. The same candidate and the same verdict give the same bundle, by digest.
"""

import shutil
from pathlib import Path

import msgspec

from roost_cloud.gate.paired import Paired
from roost_cloud.gate.verdict import Verdict
from roost_shared.bundle import Bundle, BundleError, open_bundle
from roost_shared.bundle.documents import blobs_named
from roost_shared.bundle.layout import blob_path
from roost_shared.bundle.manifest import Evaluation, ReferenceSpec
from roost_shared.bundle.writer import write_bundle

__all__ = ["finish"]

_DATASET = "labelled inputs of the changed world, held back"


def finish(folder: Path, reference: ReferenceSpec | None, verdict: Verdict, new: Paired) -> Bundle:
    """Write the candidate in `folder` anew, in its place.

    Args:
        folder: the candidate's.
        reference: the incumbent's reference set, if it has one.
        verdict: that it passed.
        new: what came of the inputs of the changed world.

    Raises:
        BundleError: it is damaged.
        OSError: the disk refused; the candidate is there as it was, or anew.
    """
    bundle = open_bundle(folder)
    evaluation = Evaluation(dataset=_DATASET, samples=new.inputs, accuracy=round(min(new.candidate, 1.0), 4))
    predicted = verdict.disagreement.highest
    config = msgspec.structs.replace(
        bundle.config, reference=reference, evaluation=evaluation, predicted_disagreement=predicted
    )
    paths = [blob_path(bundle.folder, digest) for digest in dict(blobs_named(config))]
    blobs = [path.read_bytes() for path in paths if path.exists()]  # the reference set need not be there
    anew = folder.with_name(f"{folder.name}.judged")
    shutil.rmtree(anew, ignore_errors=True)
    written = write_bundle(anew, config, blobs)
    shutil.rmtree(folder)
    anew.rename(folder)
    if (opened := open_bundle(folder)).digest != written.digest:
        raise BundleError(folder, f"holds {opened.digest}, and {written.digest} was written")
    return opened
