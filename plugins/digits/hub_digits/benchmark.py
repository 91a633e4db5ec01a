"""How fast the generator draws, encodes and learns, beside pythae's VAE of MNIST; and what a call
costs that goes through the hub."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from hub.benchmark import call_latency, compare
from hub.errors import HubError
from hub.evaluation import Bench
from hub.training import has_bf16
from hub_digits.model import HVAE, load
from hub_digits.service import Digits
from hub_digits.train import TrainConfig, negative_elbo, optimizer_of

COUNT = 128  # images a call
RUNS = 7


def benchmark(checkpoint: Path, device: str = "cpu") -> list[Bench]:
    """Return images per second drawn, encoded and trained on, ours and the peer's, where a ratio
    above 1 means that ours is faster; the milliseconds that one digit takes, and those of a call
    through the hub over a bare one.

    Both get batches of 128. Ours trains as its recipe does, in bfloat16 where that is fast, and
    otherwise computes in float32, as its service does; the peer computes as its trainer does by
    default, in float32.

    Raises:
        HubError: pythae is not installed.
    """
    ours = load(checkpoint, device).binary
    learner = HVAE(ours.config).to(device, memory_format=torch.channels_last)
    images = torch.bernoulli(torch.full((COUNT, 1, 28, 28), 0.13)).to(device)
    peer, trained = pythae_vae().to(device).eval(), pythae_vae().to(device).train()
    codes = torch.randn(COUNT, peer.latent_dim, device=device)
    pairs = {
        "generate": (quiet(lambda: ours.sample(COUNT)), quiet(lambda: peer.decoder(codes))),
        "encode": (quiet(lambda: ours.encode(images)), quiet(lambda: peer.encoder(images))),
        "train": (our_step(learner, images), pythae_step(trained, images)),
    }
    told = (
        f"pythae {version('pythae')}, VAE with its convolutional networks for MNIST, 16 dimensions"
    )
    benches = [
        compare(name, waiting(mine), waiting(theirs), peer_is=told, items=COUNT, runs=RUNS)
        for name, (mine, theirs) in pairs.items()
    ]
    one = compare(
        "generate one",
        waiting(quiet(lambda: ours.sample(1))),
        waiting(quiet(lambda: peer.decoder(codes[:1]))),
        peer_is=told,
        runs=5 * RUNS,
    )
    service, arguments = Digits(checkpoint, device), {"digit": 7, "count": 1, "seed": 0}
    latency = call_latency(
        "digits", "generate", arguments, lambda: service.generate(**arguments), checkpoint, device
    )
    return [*benches, one, latency]


def quiet(call: Callable[[], object]) -> Callable[[], object]:
    """Return `call` without the bookkeeping that only training needs."""
    return torch.inference_mode()(call)


def waiting(call: Callable[[], object]) -> Callable[[], object]:
    """Return `call` so that it ends when the GPU has done its work."""

    def called() -> None:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return called


def our_step(model: HVAE, images: Tensor) -> Callable[[], object]:
    optimizer = optimizer_of(model, TrainConfig())
    model.train()

    def step() -> None:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=has_bf16()):
            loss, _ = negative_elbo(model, images, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def pythae_step(model: nn.Module, images: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)  # its trainer's default

    def step() -> None:
        loss = model({"data": images}).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def pythae_vae() -> nn.Module:
    """Return the VAE of Chadebec et al., "Pythae: Unifying Generative Autoencoders in Python",
    NeurIPS 2022 (arXiv:2206.08309), with the networks it publishes for MNIST, untrained: its speed
    does not depend on its weights."""
    try:
        from pythae.models import VAE, VAEConfig
        from pythae.models.nn.benchmarks.mnist import Decoder_Conv_AE_MNIST, Encoder_Conv_VAE_MNIST
    except ImportError as error:
        raise HubError(
            "pythae is not installed, and the benchmark compares with it; `make bench` installs it"
        ) from error
    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=16, reconstruction_loss="bce")
    return VAE(config, Encoder_Conv_VAE_MNIST(config), Decoder_Conv_AE_MNIST(config))
