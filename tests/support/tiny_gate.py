"""A gate that asks one thing only, in a moment: whether the label space is the incumbent's. `gate`'s own asks more."""

import json
import sys
from pathlib import Path

from roost_cloud.training.lines import StepLine
from roost_cloud.training.process import LineProgress, stop_at_end_of_input, take_output
from roost_shared.bundle import open_bundle


def main() -> None:
    folder = Path(sys.argv[1])
    stop_at_end_of_input()
    progress = LineProgress(take_output())
    progress.hear_signals()
    judged = json.loads((folder / "judged.json").read_bytes())
    progress.say(StepLine(0, len(judged["examples"]), "judging"))
    for example in judged["examples"]:
        assert (folder / "inputs" / example["sha256"]).is_file()
    same = open_bundle(folder / "candidate").config.labels == open_bundle(folder / "incumbent").config.labels
    sentence = "its labels are the incumbent's" if same else "its label space is another than the incumbent's"
    reason = {"check": "labels", "passed": same, "figure": None, "bound": None, "sentence": sentence}
    (folder / "verdict.json").write_text(json.dumps({"passed": same, "reasons": [reason]}))


if __name__ == "__main__":
    main()
