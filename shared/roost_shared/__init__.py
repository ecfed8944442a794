"""What both sides must agree on and both run: messages, topics, policy, bundles, preprocessing, runtimes.

- Deciding: `rendezvous/`, the policy; `link/`, what is learned of the way to scorers, and which scores are some;
  `answers`, a decision in the answer's words; `task_terms`, a task's rules and times as its document has them.
- Said between device and cloud: `topics`, and on them `messages` (answers, states), `questions`, `records`; by HTTP
  `shards/` of kept inputs, and `enrolment`. `oip/` is the Open Inference Protocol; `mqtt/` what connections share.
- Running models: `bundle/`; `pipeline` from a payload to what it means, by `payload`, `fitting`, `preprocess`,
  `runtimes/`, `outputs`; `tflite/` and `onnx/` read, write and cut model files.
- Everywhere: `errors`, `clock`, `durable`, `backoff`, `complaints`, `config_file`.

Nothing here opens a connection or runs by itself: the two sides do.
"""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
