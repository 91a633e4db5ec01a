"""The recipe: two generators and the classifier that judges them, into one checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.checkpoints import write
from hub.evaluation import Evaluation, card_text
from hub.training import Run, part_facts, random_state, save_part, set_random_state, shuffled
from hub_digits.card import CARD
from hub_digits.data import BINARY, GREY, digits, scaled
from hub_digits.model import HVAE, Classifier, ClassifierConfig, ModelConfig, stored

Batches = Iterator[tuple[Tensor, ...]]
FLOOR = 0.01  # share of the learning rate that is left at a run's end


@dataclass(frozen=True)
class TrainConfig:
    """How a run goes; the bundled checkpoint's card tells where its own run departed from this."""

    part: Literal["all", "binary", "grey", "classifier"] = (
        "all"  # which network; each resumes alone
    )
    steps: int = 13_000  # of a generator
    classifier_steps: int = 3_600
    minutes: float = 0  # end a generator's run by then, annealing the sooner; 0: after its steps
    batch: int = 128  # images a step, over all processes
    lr: float = 2e-3  # falls with the cosine to a hundredth
    lr_warmup: int = 300  # steps
    weight_decay: float = 0.01
    kl_warmup: int = 1_500  # steps until the divergence counts in full
    free_bits: float = 0.5  # nats of each group that cost nothing
    grey_beta: float = 2.5  # a nat of code against one of grey levels, most of which are noise
    clip: float = 5.0  # largest norm of the gradient
    label_dropout: float = 0.15  # how often a digit's label is hidden as "any"
    ema: float = 0.999  # decay of the average weights, which are what is kept
    validate_every: int = 500  # steps
    validation_images: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "classifier_steps", "batch", "lr", "validate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.label_dropout <= 1:
            raise ValueError(f"label_dropout must be in [0, 1], got {self.label_dropout}")


def negative_elbo(
    model: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    warmth: float = 1.0,
    free_bits: float = 0.0,
    beta: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and its negative evidence lower bound, both in nats per image.

    The two are the same but for the options: `warmth`, the weight of the divergence, which rises
    from 0 to 1; free bits; and `beta`, by which the likelihood is divided. With a beta above 1 the
    code keeps shapes, not the noise of grey levels, and drawings from it hold together: Higgins et
    al., "beta-VAE", ICLR 2017. The bound, and so bits per dimension, is the true one, of beta 1.

    Free bits: Kingma et al., "Improving Variational Inference with Inverse Autoregressive Flow",
    NIPS 2016 (arXiv:1606.04934), appendix C, per group over the batch.
    """
    log_likelihood, divergences = model(images, labels)
    each = divergences.mean(1)  # (groups,)
    loss = warmth * each.clamp_min(free_bits).sum() - log_likelihood.mean() / beta
    return loss, each.sum() - log_likelihood.mean()


def fit(
    model: HVAE,
    batches: Batches,
    config: TrainConfig,
    run: Run | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> list[float]:
    """Train `model` in place, one step a batch of images, (batch, 1, 28, 28) in [0, 1], and labels;
    return each step's negative bound, in nats per image."""
    run = run or start(model, config, "fit")
    losses = []
    beta = 1.0 if model.config.likelihood == "bernoulli" else config.grey_beta
    run.model.train()
    for share in run:
        images, labels = (part.to(run.accelerator.device) for part in next(batches))
        hidden = torch.rand(len(labels), device=labels.device) < config.label_dropout
        labels = labels.masked_fill(hidden | (model.config.classes == 0), model.config.classes)
        rate = run.set_rate(share, config.lr, config.lr_warmup, FLOOR)
        with run.accelerator.autocast():
            warmth = min(1.0, (run.step + 1) / config.kl_warmup)
            loss, bound = negative_elbo(run.model, images, labels, warmth, config.free_bits, beta)
        run.optimize(loss, config.clip)
        losses.append(bound.item())
        if (run.step + 1) % 100 == 0:
            run.report(bound=sum(losses[-100:]) / len(losses[-100:]), best=run.best, rate=rate)
        if validation and (run.step + 1) % config.validate_every == 0:
            run.judge(mean_bound(run, *validation, beta))
    if validation:
        run.judge(mean_bound(run, *validation, beta))
    return losses


@torch.no_grad()
def mean_bound(run: Run, images: Tensor, labels: Tensor, beta: float = 1.0) -> float:
    """Return the loss that the average weights have on `images`, uint8, in nats per image, always
    with the same noise and without disturbing the run's own."""
    kept = random_state()
    torch.manual_seed(0)
    model = run.average.model
    total = 0.0
    for some, some_labels in zip(images.split(250), labels.split(250), strict=True):
        some_labels = some_labels if model.config.classes else None
        with run.accelerator.autocast():
            loss, _ = negative_elbo(
                model, scaled(some).to(run.accelerator.device), some_labels, beta=beta
            )
        total += float(loss) * len(some)
    set_random_state(kept)
    return total / len(images)


def fit_classifier(
    model: Classifier,
    batches: Batches,
    config: TrainConfig,
    run: Run | None = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> list[float]:
    """Train `model` in place, one step a batch of images, (batch, 1, 28, 28) in [0, 1], and labels;
    return each step's cross-entropy, in nats."""
    run = run or start(model, config, "fit")
    losses = []
    run.model.train()
    for share in run:
        images, labels = (part.to(run.accelerator.device) for part in next(batches))
        run.set_rate(share, config.lr, config.lr_warmup, FLOOR)
        with run.accelerator.autocast():
            loss = F.cross_entropy(run.model(images), labels, label_smoothing=0.05)
        losses.append(run.optimize(loss))
        if (run.step + 1) % 50 == 0:
            run.report(loss=sum(losses[-50:]) / len(losses[-50:]), error=run.best)
        if validation and (run.step + 1) % config.validate_every == 0:
            run.judge(error_rate(run, *validation))
    if validation:
        run.judge(error_rate(run, *validation))
    return losses


@torch.no_grad()
def error_rate(run: Run, images: Tensor, labels: Tensor) -> float:
    """Return the share of uint8 `images` that the average weights take for another digit, in %."""
    wrong = 0
    for some, some_labels in zip(images.split(250), labels.split(250), strict=True):
        with run.accelerator.autocast():
            scores = run.average.model(scaled(some).to(run.accelerator.device))
        wrong += int((scores.argmax(1).cpu() != some_labels).sum())
    return 100 * wrong / len(labels)


def distorted(images: Tensor) -> Tensor:
    """Return images, (batch, 1, 28, 28) in [0, 1], turned, sheared, scaled, shifted and bent.

    Bent as by Simard et al., "Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis", ICDAR 2003, but with the field of displacements drawn on 5x5 points.
    """
    count = len(images)
    turn, shear = (0.25 * (2 * torch.rand(2, count) - 1)).unbind()  # radians; a slope
    scale = torch.exp(0.15 * (2 * torch.rand(2, count) - 1))
    cos, sin = turn.cos(), turn.sin()
    matrix = torch.stack([scale[0] * cos, shear - sin, sin, scale[1] * cos], dim=1).view(-1, 2, 2)
    shift = (2 * torch.rand(count, 2, 1) - 1) * 2.5 / 14  # 2.5 pixels
    grid = F.affine_grid(torch.cat([matrix, shift], dim=2), list(images.shape), align_corners=False)
    bend = torch.randn(count, 2, 5, 5) * 0.6 / 14  # a standard deviation of 0.6 pixels
    bend = F.interpolate(bend, size=(28, 28), mode="bicubic", align_corners=True)
    grid = (grid + bend.permute(0, 2, 3, 1)).to(images.device)
    return F.grid_sample(images, grid, align_corners=False).clamp(0, 1)


def optimizer_of(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(),
        config.lr,
        betas=(0.9, 0.99),
        weight_decay=config.weight_decay,
        fused=True,
    )


def start(model: nn.Module, config: TrainConfig, name: str, folder: Path | None = None) -> Run:
    """Return a run of `model`, or its continuation if `folder` has a snapshot."""
    model.to(memory_format=torch.channels_last)
    return Run(
        name,
        model,
        optimizer_of(model, config),
        steps=config.classifier_steps if name == "classifier" else config.steps,
        minutes=0 if name == "classifier" else config.minutes,
        decay=config.ema,
        seed=config.seed,
        folder=folder,
    )


def train_part(part: str, network: nn.Module, config: TrainConfig, folder: Path) -> None:
    """Train one network and leave its best weights by the validation split in `folder`."""
    name = BINARY if part == "binary" else GREY
    images, labels = digits(name, "train")
    run = start(network, config, part, folder)
    batches = shuffled(
        images,
        labels,
        batch=config.batch,
        seed=config.seed,
        start=run.step,
        rank=run.accelerator.process_index,
        processes=run.accelerator.num_processes,
    )
    validation = digits(name, "validation")
    if isinstance(network, HVAE):
        held_out = tuple(column[: config.validation_images] for column in validation)
        fit(network, ((scaled(some), other) for some, other in batches), config, run, held_out)
    else:
        bent = ((distorted(scaled(some)), other) for some, other in batches)
        fit_classifier(network, bent, config, run, validation)
    if run.main:
        if run.best_weights:
            run.average.model.load_state_dict(run.best_weights)
        if isinstance(network, HVAE) and network.config.classes:
            settle_priors(run.average.model, images[:10_000], labels[:10_000])
        weights = run.average.model.state_dict()
        facts = run.facts() | {"validation": round(run.best, 3), "settings": asdict(config)}
        save_part(folder / f"{part}.safetensors", weights, facts)


@torch.no_grad()
def settle_priors(model: HVAE, images: Tensor, labels: Tensor) -> None:
    """Set each label's prior of the global code to the mean and covariance that codes of `images`,
    uint8, have: the best normal prior for these posteriors, in one step instead of many."""
    device = model.paint.weight.device
    places, variances = [], []
    for some in images.split(250):
        seen = model.look(scaled(some).to(device))[0]
        labelled = model.any_label(len(some), None)
        posterior, prior = model.top.merge(labelled, seen), model.top.expect(labelled)
        places.append(prior.at(posterior.mean))
        variances.append((prior.scale * posterior.log_scale.exp()).square())
    model.top.settle(torch.cat(places), torch.cat(variances), labels.to(device))


def networks_of(model: ModelConfig) -> dict[str, ModelConfig | ClassifierConfig]:
    """Return each network's config: `model`, with the likelihood and labels of its data."""
    return {
        "classifier": ClassifierConfig(),
        "binary": replace(model, likelihood="bernoulli", classes=0),
        "grey": replace(model, likelihood="logistic", classes=10, tilted=True),
    }


def train(out: Path, model: ModelConfig, config: TrainConfig) -> None:
    """Train the parts that `config` names; once all three are there, write the checkpoint `out`.

    What is under way or done lies in `out/.parts`: the same command goes on from there.
    """
    folder = out / ".parts"
    folder.mkdir(parents=True, exist_ok=True)
    configs = networks_of(model)
    for part, network_config in configs.items():
        if config.part in ("all", part) and not (folder / f"{part}.safetensors").exists():
            torch.manual_seed(config.seed)
            kind = Classifier if isinstance(network_config, ClassifierConfig) else HVAE
            train_part(part, kind(network_config), config, folder)
    finished = all((folder / f"{part}.safetensors").exists() for part in configs)
    if finished and int(os.environ.get("RANK", "0")) == 0:
        assemble(out, configs)


def assemble(out: Path, configs: dict[str, ModelConfig | ClassifierConfig]) -> None:
    """Write the checkpoint `out` of the networks in `out/.parts`, with what the pages need."""
    tensors: dict[str, Tensor] = {}
    settings: dict[str, Any] = {"demo": "digits", "training": {}}
    networks = {}
    for part, network_config in configs.items():
        file = out / ".parts" / f"{part}.safetensors"
        kind = Classifier if isinstance(network_config, ClassifierConfig) else HVAE
        networks[part] = kind(network_config).eval()
        networks[part].load_state_dict(load_file(file))
        tensors.update(stored(networks[part], part))
        settings[part] = asdict(network_config)
        settings["training"][part] = part_facts(file)
    # Of the unconditional model: told the digit, the other need not keep it in its code.
    tensors.update(map_tables(networks["binary"], *digits(GREY, "test")))
    tensors.update(usual_table(networks["binary"], digits(BINARY, "validation")[0]))
    write(out, settings, tensors, card_text(CARD, settings, Evaluation({}, "")))


@torch.no_grad()
def map_tables(
    model: HVAE, images: Tensor, labels: Tensor, count: int = 2_000
) -> dict[str, Tensor]:
    """Return the codes of `count` images, evenly of all, and their places on two flat maps.

    "map.codes", (count, latent1), are means of the top group; "map.pca" and "map.tsne", (count, 2),
    are their places by principal components, and by t-SNE: van der Maaten and Hinton, "Visualizing
    Data using t-SNE", JMLR 2008. No image is kept.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    chosen = torch.arange(0, len(images), max(1, len(images) // count))[:count]
    codes = torch.cat([model.encode(scaled(some))[0] for some in images[chosen].split(250)]).float()
    tsne = TSNE(perplexity=min(30, len(codes) // 4), init="pca", random_state=0)
    return {
        "map.codes": codes.half(),
        "map.pca": torch.from_numpy(PCA(2).fit_transform(codes.numpy())).half(),
        "map.tsne": torch.from_numpy(tsne.fit_transform(codes.numpy())).half(),
        "map.labels": labels[chosen].to(torch.uint8),
    }


def usual_table(model: HVAE, images: Tensor, samples: int = 50) -> dict[str, Tensor]:
    """Return "usual.elbo", (101,): the percentiles 0 to 100 of the bound on log p(x), in nats, with
    `samples` codes an image, over 500 of the validation images."""
    chosen = scaled(images[:: max(1, len(images) // 500)])
    bounds = model.bound(chosen, samples, seed=0)
    return {"usual.elbo": torch.quantile(bounds, torch.linspace(0, 1, 101).double()).float()}
