"""`python -m roost_cloud.gate FOLDER`: judges the candidate in a folder (`job`), in a process of its own.

It tells its progress on standard output, as a trainer does (`roost_cloud.training.lines`). Exit codes: 0 there is a
verdict, whatever it says; 3 nothing can be judged, and trying again would not help; 4 cancelled by SIGTERM; anything
else, it crashed.
"""

import sys
from pathlib import Path

import msgspec

from roost_cloud.datasets.judged import JUDGED_SCHEMA_VERSION, JudgedSet, judged_of
from roost_cloud.gate.errors import GateError, GateMemoryError
from roost_cloud.gate.figures import Pair
from roost_cloud.gate.finish import finish
from roost_cloud.gate.job import candidate_in, incumbent_in, read_gate_job, twin_in, verdict_in
from roost_cloud.gate.judging import judge, no_bundle
from roost_cloud.gate.measure import Contest, measure
from roost_cloud.gate.paired import paired
from roost_cloud.gate.verdict import Verdict, encode_verdict
from roost_cloud.training.program import run_in_folder
from roost_cloud.training.progress import Progress
from roost_shared.bundle import Bundle, open_bundle
from roost_shared.durable import write_durably
from roost_shared.errors import RoostError
from roost_shared.messages import UNREADABLE
from roost_shared.pipeline import Pipeline

__all__ = ["judge_folder"]


def main() -> int:
    """Judge in the folder that the command line names; return the exit code."""
    needed = "the gate's: judged.json, inputs/, incumbent/ and candidate/ in it"
    return run_in_folder("roost_cloud.gate", "Judge a candidate.", needed, judge_folder, hopeless=GateError)


def judge_folder(folder: Path, progress: Progress) -> Verdict:
    """Judge the candidate in a folder, and leave the verdict there.

    Raises:
        GateError: what it is to be judged by cannot be used.
        TrainingCancelledError: it shall stop; there is no verdict.
        OSError: the disk refused.
    """
    try:
        verdict = _judge(folder, progress)
    except MemoryError as error:
        raise GateMemoryError("judging needs more memory than it may have") from error
    write_durably(verdict_in(folder), encode_verdict(verdict))
    for reason in verdict.reasons:
        progress.log(f"{reason.check}: {'' if reason.passed else 'REFUSED: '}{reason.sentence}")
        if reason.figure is not None:
            progress.metric(f"gate.{reason.check}", reason.figure)
    return verdict


def _judge(folder: Path, progress: Progress) -> Verdict:
    judged, job = _read_judged(judged_of(folder)), read_gate_job(folder)
    incumbent_bundle, incumbent = _incumbent(folder, judged)
    try:
        candidate_bundle = open_bundle(candidate_in(folder))
        twin_folder = twin_in(folder)
        twin = Pipeline.load(open_bundle(twin_folder)) if twin_folder.exists() else None
        contest = Contest(Pipeline.load(candidate_bundle), candidate_bundle.config, incumbent, twin)
    except RoostError as error:
        return no_bundle(judged.snapshot, incumbent_bundle.digest, str(error))
    measured = measure(folder, judged, contest, progress)
    pair = Pair(candidate_bundle.config, incumbent_bundle.config, incumbent_bundle.digest, judged.labels)
    verdict = judge(pair, measured, job, snapshot=judged.snapshot, split=judged.split)
    if verdict.passed:
        new = paired([one for one in measured.outcomes if one.world == "new"])
        candidate_bundle = finish(candidate_in(folder), incumbent_bundle.config.reference, verdict, new)
    return msgspec.structs.replace(verdict, candidate=candidate_bundle.digest)


def _read_judged(path: Path) -> JudgedSet:
    try:
        judged = msgspec.json.decode(path.read_bytes(), type=JudgedSet)
    except (OSError, *UNREADABLE) as error:
        raise GateError(f"{path.name}: {error}") from error
    if judged.schema_version > JUDGED_SCHEMA_VERSION:
        raise GateError(
            f"{path.name} follows schema version {judged.schema_version}, this gate reads {JUDGED_SCHEMA_VERSION}:"
            " upgrade it"
        )
    return judged


def _incumbent(folder: Path, judged: JudgedSet) -> tuple[Bundle, Pipeline]:
    try:
        bundle = open_bundle(incumbent_in(folder))
        pipeline = Pipeline.load(bundle)
    except RoostError as error:
        raise GateError(f"the incumbent cannot be run: {error}") from error
    if bundle.digest != judged.incumbent:
        raise GateError(f"the incumbent is {bundle.digest}, and the snapshot is of {judged.incumbent}")
    return bundle, pipeline


if __name__ == "__main__":
    sys.exit(main())
