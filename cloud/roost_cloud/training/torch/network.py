"""What is trained: convolutions with pools, a dense layer that gives the embedding, and a head."""

from typing import Any, NamedTuple

from roost_cloud.training.errors import TrainingError
from roost_cloud.training.torch.settings import TorchSettings

__all__ = ["Network", "Picture", "make_network"]


class Picture(NamedTuple):
    """What a network takes.

    Attributes:
        height: pixels.
        width: pixels.
        channels: 1 or 3.
    """

    height: int
    width: int
    channels: int


class Network(NamedTuple):
    """Torch's modules.

    Attributes:
        base: pictures (batch, channels, height, width) to features (batch, features).
        head: features to logits.
    """

    base: Any
    head: Any

    def __call__(self, pictures: Any) -> Any:
        """Logits of pictures."""
        return self.head(self.base(pictures))

    def parameters(self) -> list[Any]:
        """All that is trained."""
        return [*self.base.parameters(), *self.head.parameters()]

    def train(self, *, on: bool) -> None:
        """Switch what is done in training only, such as leaving values out, on or off."""
        self.base.train(on)
        self.head.train(on)


def make_network(torch: Any, picture: Picture, labels: int, settings: TorchSettings) -> Network:
    """A network with weights drawn by torch's own generator: seed that before.

    Raises:
        TrainingError: so many pools leave nothing of the picture.
    """
    nn = torch.nn
    height, width, given = picture
    blocks: list[Any] = []
    for channels in settings.channels:
        blocks += [nn.Conv2d(given, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)]
        height, width, given = height // 2, width // 2, channels
    if not height * width:
        raise TrainingError(
            f"{len(settings.channels)} pools leave nothing of {picture.height}×{picture.width} pixels: fewer channels"
        )
    flat = given * height * width
    base = nn.Sequential(
        *blocks, nn.Flatten(), nn.Dropout(settings.dropout), nn.Linear(flat, settings.features), nn.ReLU()
    )
    return Network(base, nn.Linear(settings.features, labels))
