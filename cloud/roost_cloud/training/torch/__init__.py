"""The trainer `torch`: a whole small network, from nothing, with augmented pictures; extra `train-torch`.

- `trainer` puts it together; `settings`: what a person may say to it; `library` loads torch, and nothing else does.
- `network`: what is trained, `album` and `augmenting`: on what, `fitting`: how, `converting`: into a `.tflite` file.

It takes some hundreds of labelled pictures; with fewer, `head` gets further.
"""

from roost_cloud.training.torch.trainer import TorchTrainer

__all__ = ["TorchTrainer"]
