"""An auto-encoder of 8x8 pictures: two dense layers in, two out.

Hinton and Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", Science 2006,
at a small scale and without its pretraining.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hub import checkpoints

PIXELS = 64


@dataclass(frozen=True)
class ModelConfig:
    """What the weights depend on; saved beside them as config.json."""

    code: int = 8  # numbers in the code
    width: int = 128  # units of the layer between pixels and code

    def __post_init__(self) -> None:
        if not 1 <= self.code <= PIXELS:
            raise ValueError(f"code must be from 1 to {PIXELS}, got {self.code}")
        if self.width < 1:
            raise ValueError(f"width must be positive, got {self.width}")


class AutoEncoder(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = nn.Sequential(
            nn.Linear(PIXELS, config.width), nn.SiLU(), nn.Linear(config.width, config.code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.code, config.width), nn.SiLU(), nn.Linear(config.width, PIXELS)
        )
        # mean and covariance of the codes of the training set, to draw new ones from
        self.register_buffer("code_mean", torch.zeros(config.code))
        self.register_buffer("code_factor", torch.eye(config.code))

    def encode(self, images: Tensor) -> Tensor:
        """Return the codes, (batch, code), of `images`, (batch, 64) in [0, 1]."""
        return self.encoder(images)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the pictures, (batch, 64) in [0, 1], of `codes`, (batch, code)."""
        return self.decoder(codes).sigmoid()

    def forward(self, images: Tensor) -> Tensor:
        return self.decode(self.encode(images))

    @torch.no_grad()
    def fit_codes(self, images: Tensor) -> None:
        """Remember how the codes of `images`, (images, 64), are spread."""
        codes = self.encode(images)
        self.code_mean.copy_(codes.mean(0))
        steady = 1e-4 * torch.eye(self.config.code, device=codes.device)  # unused numbers vary by 0
        self.code_factor.copy_(torch.linalg.cholesky(codes.T.cov() + steady))

    def sample(self, noise: Tensor) -> Tensor:
        """Return new pictures, (batch, 64), of standard normal `noise`, (batch, code)."""
        return self.decode(self.code_mean + noise @ self.code_factor.T)


def load(checkpoint: Path) -> AutoEncoder:
    """Return the model of a checkpoint, on the CPU."""
    config, tensors = checkpoints.read(checkpoint)
    model = AutoEncoder(ModelConfig(**config["model"]))
    model.load_state_dict(tensors)
    return model.eval()
