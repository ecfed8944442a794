"""Pictures as they might have been taken as well: turned, shifted, zoomed, lit otherwise."""

from typing import Any, Final

__all__ = ["augment"]

_TURN: Final = 0.08  # radians
_SHIFT: Final = 0.08  # of half a side
_ZOOM: Final = 0.08
_CONTRAST: Final = 0.3
_BRIGHTNESS: Final = 0.15  # of the brightest


def augment(torch: Any, pictures: Any, generator: Any, strength: float) -> Any:
    """Augmented pictures.

    Args:
        torch: the library.
        pictures: (batch, channels, height, width), at most about 1.
        generator: torch's, by which all is drawn.
        strength: 0…1.
    """
    if not strength:
        return pictures
    count = len(pictures)

    def drawn(most: float, *shape: int) -> Any:
        return (torch.rand(count, *shape, generator=generator) * 2 - 1) * (most * strength)

    turn, zoom, functional = drawn(_TURN), drawn(_ZOOM, 2), torch.nn.functional
    place = torch.zeros(count, 2, 3)
    place[:, 0, 0], place[:, 0, 1] = (1 + zoom[:, 0]) * torch.cos(turn), -torch.sin(turn)
    place[:, 1, 0], place[:, 1, 1] = torch.sin(turn), (1 + zoom[:, 1]) * torch.cos(turn)
    place[:, :, 2] = drawn(_SHIFT, 2)
    grid = functional.affine_grid(place, pictures.shape, align_corners=False)
    moved = functional.grid_sample(pictures, grid, align_corners=False, padding_mode="border")
    return moved * (1 + drawn(_CONTRAST, 1, 1, 1)) + drawn(_BRIGHTNESS, 1, 1, 1)
