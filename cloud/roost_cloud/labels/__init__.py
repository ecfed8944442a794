"""Labels of samples: what people and teachers say that an input shows, and which inputs to ask people about.

Pure:

- `said.py`: one thing that was said, and what of it still counts.
- `effective.py`: the one label that follows, or why there is none yet.
- `agreement.py`: how far labellers agree.
- `queue.py`: which samples to hand out, by a `chance.py` that is the same on every machine.
- `csv_file.py`: labels as a table of people's.

Around them:

- `space.py`: which labels a task has; what looks like a slip of the hand is refused.
- `recording.py`: adding labels, all or none; `listing.py`: what was said, as it was said.
- `teachers.py`: what cloud contestants and late answers said; `settings.py`: which of them a task believes.
- `guessing.py`: what models say of a sample, for whoever asks, whose label is then not blind; `comparing.py`: what two
  bundles said of the same labelled samples.
- `deciding.py`: samples with the labels that follow; `waiting.py` and `claims.py`: the queue's samples, each with one
  person at a time.
"""
