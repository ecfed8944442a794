"""Tells the cloud in a few bytes what a stretch of requests was like: a window for each contestant, one of answers.

- `config.py`: what agent.toml says of it
- `window.py`: one window, from its first request to its record. Pure.
- `windows.py`: those of a task, which begin and end together. Pure.
- `health.py`: tells once a minute how the device itself is; `thermal.py`: how warm
- `monitor.py`: hears of answers, late scores and φ; ends windows in time, and has their records kept for the cloud

What is in a window, `roost_shared.sketches` says; who keeps its record until the cloud has it, `roost_edge.spooler`;
whether it is unusual, the cloud judges (`roost_cloud.drift`).
"""
