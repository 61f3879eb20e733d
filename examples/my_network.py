"""A network of one's own: facedeblur train my_network.toml --faces PHOTOS -o trained --plugin my_network.py"""

from __future__ import annotations

from torch import Tensor, nn

from facedeblur.methods import network


@network("my-network")
class MyNetwork(nn.Module):
    """Convolutions added to the identity; put your layers here."""

    multiple = 2  # height and width that it takes; images of other sizes are padded
    parts = ("enter", "body")  # what a stage may train or freeze

    def __init__(self, *, width: int = 32):
        super().__init__()
        self.enter = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.body = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1))

    def forward(self, blurred: Tensor) -> Tensor:
        """Restore (N, 3, H, W) RGB in [0, 1]."""
        restored: Tensor = blurred + self.body(self.enter(blurred))
        return restored

    def outputs(
        self, blurred: Tensor, *, labels: Tensor | None = None, kernels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return everything that a loss may judge, by name."""
        return {"restored": self(blurred)}
