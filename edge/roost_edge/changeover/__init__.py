"""Follows the assignment: brings what the installer has staged into service while requests run, and proves it there.

- `assignments.py`: all of it, the installer and the way to the cloud, put together.
- `changeover.py`: from one assignment to the next. Pure.
- `line.py`: one assignment with its bundles opened and its workers made; `resuming.py`: so at the agent's start.
- `trial.py`, `evidence.py`, `judgement.py`: who scores beside whom, what is seen of it, what it amounts to. Pure.
- `follower.py`: the shell around them: workers, tasks, the installer; `lines.py` puts assignments in their places,
  `trials.py` those on trial, and gathers what is seen of them.
- `bringing_up.py`: new workers, started one after the other, behind everything else that runs.
- `progress.py`: how far each bundle is, `report.py`: what the device really runs; both for `reported`. Pure.
- `traffic.py`: what the cloud desires comes in, what the device reports goes out.
"""
