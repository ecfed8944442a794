"""What both sides must agree on and both run: messages, topics, policy, bundles, preprocessing, runtimes.

- Deciding: `rendezvous/`, the policy; `asking/`, how far away scorers are, and which messages are scores; `answers`, a
  decision in the answer's words; `task_terms`, a task's rules and times as its document has them.
- Said between device and cloud: `topics`, and on them `messages` (answers, states), `assignment`, `questions`,
  `records`; by HTTP `shards/` of kept inputs, and `enrolment`. `oip/` is the Open Inference Protocol; `mqtt/` what
  connections share; `cloud_url`, `cloud_words`: where the cloud may be, and what it says of a failure.
- Running models: `bundle/`, released by `trust/`; `pipeline` from a payload (`magic`, `limits`, `number_lists`) to
  what it means (`scored`), by `payload`, `fitting`, `preprocess`, `runtimes/` as `runtime_settings` want them,
  `outputs`; `tflite/` and `onnx/` read, write and cut model files, `model_facts` is what these tell.
- Noticing that the world changes: `phi/`, what of an input is measured; `sketches/`, many of them in a few bytes.
- Everywhere: `errors`, `clock`, `digest`, `durable`, `backoff`, `chance`, `complaints`, `config_file`,
  `missing_packages`.

Nothing here runs by itself, and only `trust/` opens a connection: the two sides do.
"""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
