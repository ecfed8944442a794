"""The gate: whether a candidate may take its incumbent's place, by labelled inputs that its trainer never saw.

- Deciding, pure: `verdict` is what comes out, made by `judging` of `checks`, which count by `paired` and `bars`;
  `settings` say how strict it is, `figures` what was measured, `confusion` what was said of which label.
- Measuring: `measure` runs both bundles on the inputs of a folder (`job`); `finish` writes what was found into the
  candidate. `__main__` does both, in a process of its own that opens no database and no network.
- For whoever runs it: `rules` finds the bars that rules set for a task's contestants.
"""
