"""A hierarchical variational auto-encoder of 28x28 digits, and a classifier to judge what it draws.

The generator is a ladder of stochastic groups, each conditioned on those above it: one global code,
then maps of 7x7, then maps of 14x14. Sønderby et al., "Ladder Variational Autoencoders", NIPS 2016
(arXiv:1602.02282), in the residual form of Child, "Very Deep VAEs Generalize Autoregressive
Models", ICLR 2021 (arXiv:2011.10650): the inference and the generative network share the top-down
path, and a posterior is stated relative to its prior. Departures: SiLU in place of gates and ELU,
which take longer on a CPU than the convolutions between them; dropout of whole maps; a dense group
on top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hub.checkpoints import read
from hub.errors import CheckpointError


@dataclass(frozen=True)
class ModelConfig:
    """What a generator's weights depend on; saved beside them in config.json."""

    likelihood: Literal["bernoulli", "logistic"] = (
        "bernoulli"  # black and white, or 256 grey levels
    )
    classes: int = 0  # labels 0 to classes - 1, and `classes` itself for "any"; 0: unconditional
    width7: int = 64  # channels of the 7x7 maps
    width14: int = 32  # channels of the 14x14 maps
    latent1: int = 24  # dimensions of the global code
    latent7: int = 8  # channels of each stochastic 7x7 map
    latent14: int = 4  # channels of each stochastic 14x14 map
    groups7: int = 3  # stochastic groups at 7x7
    groups14: int = 2  # stochastic groups at 14x14
    tilted: bool = False  # a label's prior of the global code has a full covariance
    mixtures: int = 3  # logistics a pixel's grey level is a mixture of
    dropout: float = 0.15  # of whole maps within a block; the binarized set is overfitted without

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        for name in ("width7", "width14", "latent1", "latent7", "latent14", "mixtures"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


class Block(nn.Module):
    """A residual block, (batch, width, height, width) to the same; the identity at first."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.drop = nn.Dropout2d(dropout)
        self.mix = zero_conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.drop(F.silu(self.conv(F.silu(x)))))


def zero_conv(inputs: int, outputs: int) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, 1)
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


@dataclass
class Prior:
    """A normal, float32; codes are counted in deviations: how many scales they are from its mean.

    With a `tilt`, a unit lower triangular matrix, (batch, n, n), its covariance is a full one, with
    scale * tilt for its Cholesky factor; without, its dimensions are independent.
    """

    mean: Tensor
    scale: Tensor
    tilt: Tensor | None = None

    def at(self, deviations: Tensor) -> Tensor:
        """Return the codes of `deviations`."""
        if self.tilt is not None:
            deviations = (self.tilt * deviations[:, None]).sum(2)
        return self.mean + self.scale * deviations

    def deviations(self, codes: Tensor) -> Tensor:
        """Return the deviations of `codes`."""
        straight = (codes - self.mean) / self.scale
        if self.tilt is None:
            return straight
        tilt = self.tilt.expand(len(straight), -1, -1)
        solve = torch.linalg.solve_triangular
        return solve(tilt, straight[:, :, None], upper=False, unitriangular=True)[:, :, 0]


@dataclass
class Posterior:
    """A normal of the deviations from a prior, float32; all 0: the prior itself.

    Its dimensions are independent, but where the prior is tilted: its factor is then `matrix`,
    lower triangular, (batch, n, n), whose diagonal has the logs `log_scale`.
    """

    mean: Tensor
    log_scale: Tensor
    matrix: Tensor | None = None

    def at(self, noise: Tensor) -> Tensor:
        """Return the deviations from the prior of standard normal `noise`."""
        if self.matrix is not None:
            return self.mean + (self.matrix * noise[:, None]).sum(2)
        return self.mean + self.log_scale.exp() * noise

    def divergence(self) -> Tensor:
        """Return KL(posterior || prior), (batch,), in nats."""
        if self.matrix is not None:
            variance = self.matrix.square().sum(2)
        else:
            variance = (2 * self.log_scale).exp()
        each = 0.5 * (variance + self.mean.square() - 1) - self.log_scale
        return each.flatten(1).sum(1)

    def log_ratio(self, noise: Tensor, deviations: Tensor) -> Tensor:
        """Return log p(code) - log q(code), (batch,), in nats, of the `deviations` of `noise`."""
        each = 0.5 * (noise.square() - deviations.square()) + self.log_scale
        return each.flatten(1).sum(1)


def prior_of(parameters: Tensor) -> Prior:
    """Return the prior of (batch, 2 * n, ...): means, then logs of scales."""
    mean, log_scale = parameters.float().chunk(2, dim=1)
    return Prior(mean, log_scale.clamp(-7, 3).exp())


def posterior_of(parameters: Tensor) -> Posterior:
    """Return the posterior of (batch, 2 * n, ...): means, then logs of scales."""
    mean, log_scale = parameters.float().chunk(2, dim=1)
    return Posterior(mean, log_scale.clamp(-7, 3))


class GlobalGroup(nn.Module):
    """The top of the ladder: one code for the whole image, with a prior for each label."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        cells, latent = config.width7 * 49, config.latent1
        self.prior = nn.Embedding(config.classes + 1, 2 * latent)
        self.seen = nn.Sequential(
            nn.SiLU(), nn.Flatten(), nn.Dropout(config.dropout), nn.Linear(cells, 256), nn.SiLU()
        )
        self.posterior = nn.Linear(256, 2 * latent)
        self.spread = nn.Linear(latent, cells)
        nn.init.zeros_(self.prior.weight)
        nn.init.zeros_(self.posterior.weight)
        nn.init.zeros_(self.posterior.bias)
        self.width = config.width7
        self.tilted = config.tilted
        if config.tilted:  # what is below the diagonals
            self.tilt = nn.Parameter(torch.zeros(config.classes + 1, latent, latent))

    def prepare(self, h: None, labels: Tensor) -> Tensor:
        return labels

    def expect(self, labels: Tensor) -> Prior:
        prior = prior_of(self.prior(labels))
        if self.tilted:
            unit = torch.eye(prior.mean.shape[1], device=labels.device)
            prior.tilt = unit + self.tilt[labels].float().tril(-1)
        return prior

    def merge(self, labels: Tensor, seen: Tensor) -> Posterior:
        """Return the posterior, which is found relative to the prior of "any", the last label: an
        image has its place whatever its label, and a label's prior is where its images are."""
        place, prior = posterior_of(self.posterior(seen)), self.expect(labels)
        any_label = prior_of(self.prior.weight[-1:])
        mean = prior.deviations(any_label.at(place.mean))
        log_scale = place.log_scale + (any_label.scale / prior.scale).log()
        if prior.tilt is None:
            return Posterior(mean, log_scale)
        scales = torch.diag_embed(log_scale.exp())
        matrix = torch.linalg.solve_triangular(prior.tilt, scales, upper=False, unitriangular=True)
        return Posterior(mean, log_scale, matrix)

    @torch.no_grad()
    def settle(self, places: Tensor, variances: Tensor, labels: Tensor) -> None:
        """Set each label's prior to where the codes of its images are: their mean and covariance,
        which of all normals minimise the divergence from it.

        Args:
            places: (count, latent1), means of the posteriors; variances: theirs.
            labels: (count,), none of them "any", whose prior is what the others are found by.
        """
        for label in labels.unique().tolist():
            chosen = labels == label
            covariance = places[chosen].T.cov() + torch.diag(variances[chosen].mean(0))
            factor = torch.linalg.cholesky(covariance)
            scale = factor.diagonal()
            self.prior.weight[label] = torch.cat([places[chosen].mean(0), scale.log()])
            if self.tilted:
                self.tilt[label] = factor / scale[:, None]

    def forward(self, labels: Tensor, z: Tensor) -> Tensor:
        """Return the first top-down state, (batch, width7, 7, 7), of codes (batch, latent1)."""
        cells = self.spread(z).unflatten(1, (self.width, 7, 7))
        return cells.contiguous(memory_format=torch.channels_last)


class Group(nn.Module):
    """A stochastic map: its prior given the state above, its posterior, and what it adds."""

    def __init__(self, width: int, latent: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.label = nn.Embedding(labels, width)
        self.before = Block(width, dropout)
        self.prior = zero_conv(width, 2 * latent)
        self.above = nn.Conv2d(width, width, 1)
        self.below = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.drop = nn.Dropout2d(dropout)
        self.posterior = zero_conv(width, 2 * latent)
        self.add = nn.Conv2d(latent, width, 1)
        nn.init.zeros_(self.label.weight)

    def prepare(self, h: Tensor, labels: Tensor) -> Tensor:
        return self.before(h + self.label(labels)[:, :, None, None].to(h.dtype))

    def seen(self, features: Tensor) -> Tensor:
        """Return the part of the posterior that depends on the image alone: one for all samples."""
        return self.below(F.silu(features))

    def expect(self, h: Tensor) -> Prior:
        return prior_of(self.prior(F.silu(h)))

    def merge(self, h: Tensor, seen: Tensor) -> Posterior:
        joint = self.drop(F.silu(self.above(F.silu(h)) + seen))
        return posterior_of(self.posterior(joint))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        return h + self.add(z)


@dataclass
class Pass:
    """What one pass down the ladder gives, a list entry per group, top first; all of it float32."""

    logits: Tensor  # the likelihood's parameters, (batch, channels, 28, 28)
    codes: list[Tensor]
    noise: list[Tensor]  # how far each code is from its prior's mean, in standard deviations
    posteriors: list[Posterior]  # none if the pass had no image
    drawn: list[Tensor]  # the same distance from the posterior's mean; none if it had no image

    @property
    def divergences(self) -> Tensor:
        """KL(posterior || prior), (groups, batch), in nats."""
        return torch.stack([posterior.divergence() for posterior in self.posteriors])

    @property
    def log_ratio(self) -> Tensor:
        """log p(codes) - log q(codes | image), (batch,), in nats."""
        each = zip(self.posteriors, self.drawn, self.noise, strict=True)
        return torch.stack([one.log_ratio(drawn, noise) for one, drawn, noise in each]).sum(0)


class HVAE(nn.Module):
    """The generator: images (batch, 1, 28, 28) in [0, 1], groups of codes from global to fine."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        w7, w14, dropout, labels = config.width7, config.width14, config.dropout, config.classes + 1
        self.first = nn.Conv2d(4, w14, 3, padding=1)
        self.up14 = nn.ModuleList([Block(w14, dropout)])
        self.down = nn.Conv2d(w14, w7, 3, stride=2, padding=1)
        self.up7 = nn.ModuleList(Block(w7, dropout) for _ in range(3))
        self.top = GlobalGroup(config)
        self.groups7 = nn.ModuleList(
            Group(w7, config.latent7, labels, dropout) for _ in range(config.groups7)
        )
        self.widen = nn.Conv2d(w7, 4 * w14, 1)
        self.groups14 = nn.ModuleList(
            Group(w14, config.latent14, labels, dropout) for _ in range(config.groups14)
        )
        self.last = nn.ModuleList([Block(w14, dropout)])
        channels = 1 if config.likelihood == "bernoulli" else 3 * config.mixtures
        self.paint = nn.Conv2d(w14, 4 * channels, 3, padding=1)

    def look(self, x: Tensor) -> list[Tensor]:
        """Return what each group's posterior sees of images `x`, (batch, 1, 28, 28), top first."""
        x = F.pixel_unshuffle(2 * x - 1, 2).contiguous(memory_format=torch.channels_last)
        x = self.first(x)  # (batch, width14, 14, 14)
        for block in self.up14:
            x = block(x)
        seen14 = [group.seen(x) for group in self.groups14]
        x = self.down(F.silu(x))  # (batch, width7, 7, 7)
        for block in self.up7:
            x = block(x)
        return [self.top.seen(x), *(group.seen(x) for group in self.groups7), *seen14]

    def descend(
        self,
        labels: Tensor,
        seen: list[Tensor] | None = None,
        codes: list[Tensor | None] | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        noise: list[Tensor] | None = None,
    ) -> Pass:
        """Walk down the ladder for `labels`, (batch,), drawing each group's code from its posterior
        where `seen` is given, else taking it from `codes`, else from where `noise` is in its prior
        (in standard deviations), else drawing it from its prior."""

        def chance(like: Tensor) -> Tensor:
            if temperature == 0:
                return torch.zeros_like(like)
            return temperature * torch.randn(like.shape, generator=generator).to(like.device)

        walk = Pass(torch.empty(0), [], [], [], [])
        codes = codes or []
        h = None  # the state above the group
        for index, group in enumerate([self.top, *self.groups7, *self.groups14]):
            if index == 1 + self.config.groups7:
                h = F.pixel_shuffle(self.widen(F.silu(h)), 2)  # (batch, width14, 14, 14)
                h = h.contiguous(memory_format=torch.channels_last)
            h = group.prepare(h, labels)
            prior = group.expect(h)
            given = codes[index] if index < len(codes) else None
            if seen is not None:
                walk.posteriors.append(group.merge(h, seen[index]))
                walk.drawn.append(chance(prior.mean))
                walk.noise.append(walk.posteriors[-1].at(walk.drawn[-1]))
            elif given is not None:
                walk.noise.append(prior.deviations(given))
            elif noise is not None:
                walk.noise.append(temperature * noise[index].to(prior.mean.device))
            else:
                walk.noise.append(chance(prior.mean))
            walk.codes.append(prior.at(walk.noise[-1]))
            h = group(h, walk.codes[-1])
        for block in self.last:
            h = block(h)
        walk.logits = F.pixel_shuffle(self.paint(F.silu(h)), 2).float()
        return walk

    def log_likelihood(self, logits: Tensor, x: Tensor) -> Tensor:
        """Return log p(x | codes), (batch,), in nats, of images `x`, (batch, 1, 28, 28)."""
        if self.config.likelihood == "bernoulli":
            each = -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
        else:
            each = log_mixture(logits, x)
        return each.flatten(1).sum(1)

    def any_label(self, count: int, labels: Tensor | None) -> Tensor:
        """Return `labels`, or where there are none "any", (count,), int64."""
        device = self.paint.weight.device
        if labels is None:
            return torch.full((count,), self.config.classes, device=device)
        return labels.to(device)

    def image(self, logits: Tensor) -> Tensor:
        """Return each pixel's mean, (batch, 1, 28, 28) in [0, 1]."""
        if self.config.likelihood == "bernoulli":
            return logits.sigmoid()
        weights, means, _ = logits.chunk(3, dim=1)
        return (weights.softmax(1) * means.clamp(0, 1)).sum(1, keepdim=True)

    def encode(self, x: Tensor, labels: Tensor | None = None) -> list[Tensor]:
        """Return the mean of each group's posterior given the means above it, top first, of images
        (batch, 1, 28, 28) in [0, 1]: (batch, latent1), then (batch, latent7, 7, 7), then
        (batch, latent14, 14, 14)."""
        known = self.any_label(len(x), labels)
        return self.descend(known, seen=self.look(x), temperature=0.0).codes

    def decode(
        self,
        codes: Sequence[Tensor | None],
        labels: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the images, (batch, 1, 28, 28) in [0, 1], of `codes`, top first.

        A group that is None or missing is drawn from its prior given those above, with deviations
        times `temperature`; 0 takes its mean. At least one group must be given.
        """
        count = next(len(code) for code in codes if code is not None)
        known = self.any_label(count, labels)
        return self.image(self.descend(known, None, list(codes), temperature, generator).logits)

    def sample(
        self,
        count: int,
        labels: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return `count` new images, (count, 1, 28, 28) in [0, 1], each pixel its mean; `labels` is
        (count,), None for labels at random."""
        if labels is None and self.config.classes:
            labels = torch.randint(self.config.classes, (count,), generator=generator)
        known = self.any_label(count, labels)
        return self.image(self.descend(known, None, None, temperature, generator).logits)

    def elbo(
        self, x: Tensor, labels: Tensor | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return a lower bound on log p(x), (batch,), in nats, from one draw of the codes; x as in
        `log_likelihood`."""
        known = self.any_label(len(x), labels)
        walk = self.descend(known, seen=self.look(x), generator=generator)
        return self.log_likelihood(walk.logits, x) - walk.divergences.sum(0)

    @torch.no_grad()
    def bound(self, x: Tensor, samples: int, seed: int = 0, labels: Tensor | None = None) -> Tensor:
        """Return a lower bound on log p(x), (batch,) float64, in nats; higher is likelier.

        Burda et al., "Importance Weighted Autoencoders", ICLR 2016 (arXiv:1509.00519), equation 8.
        It tightens with `samples`: name the count wherever the number is printed.

        Args:
            x: (batch, 1, 28, 28); each pixel 0 or 1, for grey levels a multiple of 1/255.
        """
        generator = torch.Generator().manual_seed(seed)
        known, seen = self.any_label(len(x), labels), self.look(x)
        bounds = []
        for index in range(
            len(x)
        ):  # one image at a time: all its samples share what was seen of it
            one = slice(index, index + 1)
            weights = []
            for count in split(samples, 250):
                walk = self.descend(
                    known[one].expand(count), [each[one] for each in seen], generator=generator
                )
                likelihood = self.log_likelihood(walk.logits, x[one].expand(count, -1, -1, -1))
                weights.append((likelihood + walk.log_ratio).double())
            bounds.append(torch.cat(weights).logsumexp(0) - math.log(samples))
        return torch.stack(bounds)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return, of images (batch, 1, 28, 28), log p(x | codes), (batch,), and each group's
        divergence, (groups, batch), both in nats, for one draw of the codes."""
        walk = self.descend(self.any_label(len(x), labels), seen=self.look(x))
        return self.log_likelihood(walk.logits, x), walk.divergences


def split(count: int, largest: int) -> list[int]:
    """Return numbers of at most `largest` that add up to `count`."""
    return [largest] * (count // largest) + [count % largest] * (count % largest > 0)


def log_mixture(logits: Tensor, x: Tensor) -> Tensor:
    """Return the log-probability of each grey level, (batch, 28, 28), in nats, under a mixture of
    discretised logistics: Salimans et al., "PixelCNN++", ICLR 2017 (arXiv:1701.05517), equation 2.

    Args:
        logits: (batch, 3 * mixtures, 28, 28): weights, means in [0, 1], logs of scales.
        x: (batch, 1, 28, 28), multiples of 1/255 in [0, 1].
    """
    weights, means, log_scales = logits.chunk(3, dim=1)
    inverse = torch.exp(-(log_scales - 3).clamp(-7, 3))  # scales start at 0.05
    above = F.logsigmoid(inverse * (x + 0.5 / 255 - means))  # log of the mass below x's upper edge
    below = F.logsigmoid(inverse * (means - x + 0.5 / 255))  # log of the mass over its lower edge
    black, white = x < 0.5 / 255, x > 254.5 / 255  # whose edges are at minus and plus infinity
    both = torch.log(-torch.expm1(-inverse / 255))  # sigmoid(a) - sigmoid(b), in logs
    each = above * ~white + below * ~black + both * ~(black | white)
    return torch.logsumexp(weights.log_softmax(1) + each, dim=1)


@dataclass(frozen=True)
class ClassifierConfig:
    """What the classifier's weights depend on."""

    width: int = 64  # channels of the 14x14 maps; the features are twice as many


class Classifier(nn.Module):
    """The judge: a small convolutional network, (batch, 1, 28, 28) in [0, 1] to 10 scores."""

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.body = nn.Sequential(
            *convolution(4, width),
            *convolution(width, width),
            nn.MaxPool2d(2),  # (batch, width, 7, 7)
            *convolution(width, 2 * width),
            *convolution(2 * width, 2 * width),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.drop = nn.Dropout(0.3)
        self.score = nn.Linear(2 * width, 10)

    def features(self, x: Tensor) -> Tensor:
        """Return what the scores are a linear function of, (batch, 2 * width)."""
        x = F.pixel_unshuffle(2 * x - 1, 2)  # (batch, 4, 14, 14)
        return self.body(x.contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.drop(self.features(x)))


def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]


@dataclass
class Networks:
    """All of one checkpoint, ready to answer."""

    binary: HVAE  # of black and white digits, unconditional
    grey: HVAE  # of grey digits, conditional on the digit or "any"
    classifier: Classifier
    tables: dict[str, Tensor]  # "map.codes", "map.pca", "map.tsne", "map.labels", "usual.elbo"


def load(folder: Path, device: str = "cpu") -> Networks:
    """Return the networks of the checkpoint in `folder`, float32, in evaluation mode.

    Raises:
        CheckpointError: it is missing or damaged, or its tensors do not fit its config.
    """
    config, tensors = read(folder)
    try:
        networks = {
            "binary": HVAE(ModelConfig(**config["binary"])),
            "grey": HVAE(ModelConfig(**config["grey"])),
            "classifier": Classifier(ClassifierConfig(**config["classifier"])),
        }
        for part, network in networks.items():
            network.load_state_dict(named(tensors, part))
            network.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder.name}: config.json and model.safetensors do not fit each other: "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    rest = {name: one for name, one in tensors.items() if name.split(".")[0] not in networks}
    return Networks(**networks, tables=rest)


def named(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with `part`, without it, in float32."""
    start = part + "."
    return {
        name.removeprefix(start): one.float() if one.is_floating_point() else one
        for name, one in tensors.items()
        if name.startswith(start)
    }


def stored(network: nn.Module, part: str) -> dict[str, Tensor]:
    """Return the tensors of `network` as a checkpoint holds them: float16, named after `part`."""
    return {
        f"{part}.{name}": one.half() if one.is_floating_point() else one
        for name, one in network.state_dict().items()
    }
