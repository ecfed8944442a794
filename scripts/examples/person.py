"""A person who fills in what `roost label queue` handed out: TODO/labels.csv and the inputs that it names.

    person.py TODO FOLDER...

Instead of looking, this one knows the inputs of FOLDER/<label>/* and compares.
"""

import csv
import sys
from pathlib import Path


def main() -> None:
    """Fill in the column `label`."""
    todo, *folders = map(Path, sys.argv[1:])
    known = {file.read_bytes(): file.parent.name for folder in folders for file in folder.glob("*/*")}
    with (todo / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    filled = [row | {"label": known[(todo / row["file"]).read_bytes()]} for row in rows]
    with (todo / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["device", "sample", "label", "file"])
        table.writeheader()
        table.writerows(filled)


if __name__ == "__main__":
    main()
