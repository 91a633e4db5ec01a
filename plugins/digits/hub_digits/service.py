"""What can be asked of the digit models: draw, rebuild, walk, complete, judge, and look at the map.

Pictures that come in may be of any size, dark on light or light on dark; `prepare` brings them to
the form of MNIST (hub_digits.drawing). Pictures that go out are 28x28, uint8, white on black. Equal
arguments give equal answers: each call draws from a random generator of its own, set to `seed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from hub import Image, Images, InputError, Json, Progress, Range, endpoint
from hub.errors import CheckpointError
from hub_digits.drawing import SIDE, paint_strokes, prepare

if TYPE_CHECKING:
    from torch import Tensor

    from hub_digits.model import ModelConfig

Drawing = Annotated[np.ndarray, Image("RGBA", max_side=2048)]
Digit = Annotated[int, Range(0, 9)]
Seed = Annotated[int, Range(0, 2**31 - 1)]
Temperature = Annotated[float, Range(0, 1.5)]
Steps = Annotated[int, Range(2, 64)]
Coordinate = Annotated[float, Range(-1, 1)]

TEMPERATURE = 0.75  # where drawings vary and still show the digit that was asked for
CHAIN = 40  # rounds of the completing chain; pictures stop changing after about 20
USUAL_SAMPLES = 50  # codes that the bounds of real digits in the checkpoint were made from
GPU_SECONDS = 15  # the most of a lent GPU, its start included; two CPU cores take 3 at most
NEIGHBOURS = 4  # points of the map that a decoded place is mixed from
SEVEN, ONE = (
    paint_strokes(strokes, 64) for strokes in ("29225020712152614682-40506648", "52125186")
)
A_SEVEN = {"image": SEVEN}  # what the examples of endpoints that take a drawing take
LEVELS = [
    "the whole digit",
    "parts of strokes",
    "edges and details",
]  # by the height of a group's map


class Digits:
    """The two generators and the classifier of one checkpoint."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import torch

        from hub_digits.model import load

        self.torch = torch
        self.device = device
        networks = load(checkpoint, device)
        self.binary = networks.binary
        self.grey = networks.grey
        self.classifier = networks.classifier
        self.tables = networks.tables
        self.shapes = code_shapes(self.grey.config)

    # Drawing new digits.

    @endpoint(gpu_seconds=GPU_SECONDS)
    def generate(
        self,
        digit: Digit | None = None,
        count: Annotated[int, Range(1, 64)] = 16,
        temperature: Temperature = TEMPERATURE,
        seed: Seed = 0,
    ) -> Annotated[np.ndarray, Images()]:
        """Draw new handwritten digits.

        Args:
            digit: which digit; null: any.
            count: how many pictures.
            temperature: how much chance there is in the codes: 1 draws as the model learned, less
                gives neater and more alike digits, 0 always the same one, more than 1 odd ones.
            seed: another seed gives other digits, the same seed the same.

        Returns:
            The pictures, each 28x28.
        """
        with self.torch.inference_mode():
            images = self.grey.sample(
                count, self._labels(digit, count), temperature, self._generator(seed)
            )
            return pictures(images)

    @endpoint(gpu_seconds=GPU_SECONDS)
    def vary(
        self,
        group: Annotated[int, Range(0, 15)] | None = 0,
        digit: Digit | None = None,
        count: Annotated[int, Range(2, 32)] = 10,
        temperature: Temperature = TEMPERATURE,
        spread: Annotated[float, Range(0, 4)] = 1.0,
        seed: Seed = 0,
    ) -> Annotated[np.ndarray, Images()]:
        """Draw one digit again and again, with one latent group varied and all others fixed.

        What is fixed or varied is the chance in each group; a group below a varied one still
        follows what that one decided.

        Args:
            group: which group varies: 0 is the top, the code of the whole digit; `groups` lists
                all. null: each in turn.
            digit: which digit; null: any.
            count: how many pictures of a group; the first is the same for every group.
            temperature: as in `generate`.
            spread: how far the varied group goes: 1 as far as the temperature says, 2 twice as far.
            seed: chooses the digit that is varied.

        Returns:
            The pictures, each 28x28; for each group in turn, those of the top group first.
        """
        shapes = self.shapes
        if group is not None and group >= len(shapes):
            raise InputError(
                f"group must be a whole number from 0 to {len(shapes) - 1}, the groups of this "
                f"model; got {group}",
                "group",
            )
        with self.torch.inference_mode():
            generator = self._generator(seed)
            if digit is None:
                digit = int(self.torch.randint(10, (1,), generator=generator))
            base = [self.torch.randn(1, *shape, generator=generator) for shape in shapes]
            others = [
                spread * self.torch.randn(count - 1, *shape, generator=generator)
                for shape in shapes
            ]
            rows = []
            for varied in range(len(shapes)) if group is None else [group]:
                noise = [each.expand(count, *each.shape[1:]) for each in base]
                noise[varied] = self.torch.cat([base[varied], others[varied]])
                rows.append(noise)
            noise = [self.torch.cat(each) for each in zip(*rows, strict=True)]
            labels = self._labels(digit, len(noise[0]))
            return pictures(self._decode(noise, labels, temperature))

    @endpoint(gpu_seconds=GPU_SECONDS)
    def groups(
        self,
    ) -> Annotated[dict, Json({"groups": "one object per latent group, top first: size, level"})]:
        """List the latent groups of the generator, top first.

        Returns: `groups`: for each its `size`, (channels) or (channels, height, width), the
        `numbers` in it, and its `level`: what it is mostly about.
        """
        heights = sorted({shape[-1] for shape in self.shapes[1:]})
        return {
            "groups": [
                {
                    "size": list(shape),
                    "numbers": int(np.prod(shape)),
                    "level": LEVELS[0] if i == 0 else LEVELS[1 + heights.index(shape[-1])],
                }
                for i, shape in enumerate(self.shapes)
            ]
        }

    # Looking at a given digit.

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[A_SEVEN])
    def prepare(self, image: Drawing) -> Annotated[np.ndarray, Image()]:
        """Show a drawing as the model sees it.

        The drawing is made white on black, cut out, shrunk into a box of 20x20 pixels and put into
        28x28 pixels so that its centre of mass is in the middle, as the digits of MNIST were.

        Args:
            image: a picture of one digit, at most 2048x2048 pixels, on a plain ground.

        Returns:
            The picture, 28x28.
        """
        return prepare(image)

    @endpoint(gpu_seconds=GPU_SECONDS, max_batch=64, examples=[A_SEVEN])
    def reconstruct(
        self,
        image: list[Drawing],
        groups: list[Annotated[int, Range(0, 16)] | None] = None,  # type: ignore[assignment]
        prepare: list[bool] = True,  # type: ignore[assignment]
    ) -> list[Annotated[np.ndarray, Image()]]:
        """Encode a drawing and decode it again: what the code keeps of it.

        Args:
            image: a picture of one digit, at most 2048x2048 pixels, on a plain ground.
            groups: how many latent groups to keep, from the top; the others are set to what the
                model expects. 0 keeps nothing of the drawing; null keeps all.
            prepare: false if the picture is 28x28, white on black and centred already.

        Returns:
            The picture, 28x28.
        """
        found = [see_or_error(one, wanted) for one, wanted in zip(image, prepare, strict=True)]
        seen = [one for one in found if not isinstance(one, InputError)]
        kept = [
            keep for one, keep in zip(found, groups, strict=True) if not isinstance(one, InputError)
        ]
        rebuilt = iter(self._rebuild(np.stack(seen), kept) if seen else ())
        return [one if isinstance(one, InputError) else next(rebuilt) for one in found]

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[A_SEVEN])
    def layers(self, image: Drawing, prepare: bool = True) -> Annotated[np.ndarray, Images()]:
        """Rebuild a drawing from ever more of its code: the top group, the top two, and so on to
        all.

        Args:
            image: a picture of one digit, at most 2048x2048 pixels, on a plain ground.
            prepare: false if the picture is 28x28, white on black and centred already.

        Returns:
            As many pictures as there are groups, each 28x28; the last is what `reconstruct` gives.
        """
        count = len(self.shapes)
        seen = see(image, prepare)
        return self._rebuild(np.stack([seen] * count), list(range(1, count + 1)))

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[A_SEVEN])
    def score(
        self,
        image: Drawing,
        samples: Annotated[int, Range(1, 500)] = USUAL_SAMPLES,
        prepare: bool = True,
        seed: Seed = 0,
    ) -> Annotated[
        dict,
        Json(
            {
                "bound": "lower bound on its log-probability, in nats; higher is likelier",
                "samples": "how many codes the bound was made from",
                "percentile": "share of real digits that are less likely, 0 to 100, or null",
                "digit": "the digit the classifier takes it for, 0 to 9",
                "probabilities": "the classifier's probability of each digit, 0 to 9",
            }
        ),
    ]:
        """Tell how likely a drawing is as a handwritten digit, and which digit it is.

        The bound is the importance-weighted one of Burda et al. (arXiv:1509.00519), of the model of
        black and white digits. Each grey pixel is made white with a chance equal to its lightness,
        as the data the model learned from was made. More samples give a tighter bound and take
        longer. The percentile compares the ELBO, the bound of one sample, with that of real test
        digits.

        Args:
            image: a picture of one digit, at most 2048x2048 pixels, on a plain ground.
            samples: codes that the bound is made from.
            prepare: false if the picture is 28x28, white on black and centred already.
            seed: of the chance in making pixels white and in drawing codes.

        Returns:
            `bound`, `samples`, `percentile`, `digit`, `probabilities`.
        """
        seen = see(image, prepare)
        chance = np.random.default_rng(seed).random(seen.shape)
        white = (chance < seen / 255).astype(np.uint8) * 255
        with self.torch.inference_mode():
            x = self._tensor(white[None])
            bound = self.binary.bound(x, samples, seed).item()
            like_others = (
                bound
                if samples == USUAL_SAMPLES
                else self.binary.bound(x, USUAL_SAMPLES, seed).item()
            )
            logits = self.classifier(self._tensor(seen[None])).float()
            probabilities = logits.softmax(dim=1)[0].cpu().numpy()
        return {
            "bound": bound,
            "samples": samples,
            "percentile": self._percentile(like_others),
            "digit": int(probabilities.argmax()),
            "probabilities": probabilities.round(4).tolist(),
        }

    @endpoint(timeout=120, gpu_seconds=30, examples=[A_SEVEN])
    def complete(
        self,
        image: Drawing,
        hidden: Literal["lower", "upper", "left", "right"] = "lower",
        count: Annotated[int, Range(1, 16)] = 8,
        temperature: Temperature = 1.0,
        prepare: bool = True,
        seed: Seed = 0,
        progress: Progress | None = None,
    ) -> Annotated[np.ndarray, Images()]:
        """Hide half of a drawing and complete it in several ways.

        A Markov chain per completion starts from the hidden half of a new digit, then encodes the
        picture, draws a code, decodes it, and keeps of the result the hidden half only, 40 times:
        Rezende et al., "Stochastic Backpropagation and Approximate Inference in Deep Generative
        Models", ICML 2014 (arXiv:1401.4082), appendix F. The chain leads to completions that fit
        the half that is seen as far as the encoder is exact. Departure: a hidden pixel is set to
        its mean, not drawn, as the drawing of single pixels adds speckles only.

        Args:
            image: a picture of one digit, at most 2048x2048 pixels, on a plain ground. Nothing of
                its hidden half is used but to find the place of the digit.
            hidden: which half is hidden.
            count: how many completions.
            temperature: how much chance there is in the codes: less gives likelier completions.
            prepare: false if the picture is 28x28, white on black and centred already.
            seed: another seed gives other completions.

        Returns:
            The completed pictures, each 28x28; the half that is seen is as it was.
        """
        seen = self._tensor(np.stack([see(image, prepare)] * count))
        mask = self._tensor(np.stack([half(hidden)] * count))  # 1 where hidden
        generator = self._generator(seed)
        with self.torch.inference_mode():
            guess = self.grey.sample(count, None, 1.0, generator)
            for step in range(CHAIN):
                x = seen * (1 - mask) + guess * mask
                labels = self.grey.any_label(count, None)
                walk = self.grey.descend(
                    labels, seen=self.grey.look(x), temperature=temperature, generator=generator
                )
                guess = self.grey.image(walk.logits)
                if progress:
                    progress((step + 1) / CHAIN, "completing")
            return pictures(seen * (1 - mask) + guess * mask)

    # Walks.

    @endpoint(gpu_seconds=GPU_SECONDS, examples=[{"start": SEVEN, "end": ONE}])
    def interpolate(
        self,
        start: Drawing,
        end: Drawing,
        steps: Steps = 16,
        prepare: bool = True,
    ) -> Annotated[np.ndarray, Images()]:
        """Walk from one drawing to another through the latent space.

        The way is along the great circle in each latent group, taken relative to what the groups
        above expect (White, "Sampling Generative Networks", arXiv:1609.04468, section 2).

        Args:
            start: a picture of one digit, at most 2048x2048 pixels, on a plain ground.
            end: another one.
            steps: how many pictures, the first and the last included.
            prepare: false if both are 28x28, white on black and centred already.

        Returns:
            The pictures, each 28x28; the first and last are the drawings as the code keeps them.
        """
        ends = np.stack([see(start, prepare, "start"), see(end, prepare, "end")])
        with self.torch.inference_mode():
            return self._walk(self._tensor(ends), steps)

    @endpoint(gpu_seconds=GPU_SECONDS)
    def walk(
        self,
        start_digit: Digit | None = 3,
        end_digit: Digit | None = 8,
        start_seed: Seed = 0,
        end_seed: Seed = 0,
        steps: Steps = 16,
        temperature: Temperature = TEMPERATURE,
    ) -> Annotated[np.ndarray, Images()]:
        """Draw two new digits and walk from one to the other through the latent space.

        Args:
            start_digit: which digit to start from; null: any.
            end_digit: which digit to end at; null: any.
            start_seed: chooses the first digit: the one `generate` draws with this seed and count
                1.
            end_seed: chooses the last digit.
            steps: how many pictures, the first and the last included.
            temperature: as in `generate`.

        Returns:
            The pictures, each 28x28; the way is that of `interpolate`.
        """
        with self.torch.inference_mode():
            ends = [
                self.grey.sample(1, self._labels(digit, 1), temperature, self._generator(seed))
                for digit, seed in ((start_digit, start_seed), (end_digit, end_seed))
            ]
            return self._walk(self.torch.cat(ends), steps)

    # The map.

    @endpoint(gpu_seconds=GPU_SECONDS)
    def map(
        self, method: Literal["pca", "tsne"] = "tsne"
    ) -> Annotated[
        dict,
        Json(
            {
                "method": "how the codes were laid out",
                "x": "from -1 to 1, one number per real test digit",
                "y": "from -1 to 1, upwards, one number per real test digit",
                "digit": "which digit each is, 0 to 9",
            }
        ),
    ]:
        """Return a flat map of the codes of real test digits, to click on: see `decode`.

        The codes are the top group's, of the model that is not told which digit it sees: so the
        digit is in the code.

        Args:
            method: "pca" shows the two directions in which codes differ most (Pearson, 1901);
                "tsne" keeps neighbours together (van der Maaten and Hinton, JMLR 9, 2008).

        Returns:
            `method`, `x`, `y`, `digit`: a point per test digit.
        """
        places = self._places(method)
        return {
            "method": method,
            "x": places[:, 0].round(4).tolist(),
            "y": places[:, 1].round(4).tolist(),
            "digit": self._table("map.labels").astype(int).tolist(),
        }

    @endpoint(gpu_seconds=GPU_SECONDS, max_batch=64, examples=[{"x": 0.2, "y": -0.4}])
    def decode(
        self,
        x: list[Coordinate],
        y: list[Coordinate],
        method: list[Literal["pca", "tsne"]] = "tsne",  # type: ignore[assignment]
    ) -> list[Annotated[np.ndarray, Image()]]:
        """Decode a place on the map: the digit the model imagines there.

        The code is the mean of those of the four nearest points, each weighted by one over its
        squared distance; what the map does not show is set to what the model expects.

        Args:
            x: from -1 to 1, as in `map`.
            y: from -1 to 1, upwards.
            method: which map.

        Returns:
            The picture, 28x28.
        """
        codes = [self._code_at(place) for place in zip(x, y, method, strict=True)]
        with self.torch.inference_mode():
            top = self.torch.tensor(np.stack(codes), dtype=self.torch.float32, device=self.device)
            rest = [None] * (len(code_shapes(self.binary.config)) - 1)
            return list(pictures(self.binary.decode([top, *rest], temperature=0.0)))

    # Steps that several endpoints share.

    def _generator(self, seed: int) -> Any:
        return self.torch.Generator().manual_seed(seed)

    def _labels(self, digit: int | None, count: int) -> Tensor | None:
        return None if digit is None else self.torch.full((count,), digit)

    def _tensor(self, images: np.ndarray) -> Tensor:
        """Return (count, 28, 28) uint8 as (count, 1, 28, 28) in [0, 1], on the device."""
        return self.torch.from_numpy(images[:, None]).to(self.device).float() / 255

    def _rebuild(self, seen: np.ndarray, kept: Sequence[int | None]) -> np.ndarray:
        """Return pictures (count, 28, 28) rebuilt from the top `kept` groups of their codes
        each."""
        with self.torch.inference_mode():
            noise = self._encode(self._tensor(seen))
            for i, each in enumerate(noise):
                keep = [1.0 if count is None or i < count else 0.0 for count in kept]
                shape = (-1, *[1] * (each.dim() - 1))
                each *= self.torch.tensor(keep, device=each.device).view(shape)
            return pictures(self._decode(noise))

    def _encode(self, x: Tensor) -> list[Tensor]:
        """Return the codes of images as the noise that `_decode` takes, one per group, top
        first."""
        labels = self.grey.any_label(len(x), None)
        return self.grey.descend(labels, seen=self.grey.look(x), temperature=0.0).noise

    def _decode(
        self, noise: list[Tensor], labels: Tensor | None = None, temperature: float = 1.0
    ) -> Tensor:
        """Return the images of codes given as `noise`: how far, in standard deviations, each
        group's code is from what the groups above it expect."""
        known = self.grey.any_label(len(noise[0]), labels)
        walk = self.grey.descend(known, noise=noise, temperature=temperature)
        return self.grey.image(walk.logits)

    def _walk(self, ends: Tensor, steps: int) -> np.ndarray:
        """Return `steps` pictures from the first of `ends`, (2, 1, 28, 28), to the second."""
        part = self.torch.linspace(0, 1, steps, device=ends.device)
        return pictures(self._decode([between(*each, part) for each in self._encode(ends)]))

    def _table(self, name: str) -> np.ndarray:
        if name not in self.tables:
            raise CheckpointError(
                f"the checkpoint of digits holds no {name}; make it again with train"
            )
        return self.tables[name].float().cpu().numpy()

    def _places(self, method: str) -> np.ndarray:
        """Return where the map's points are, (points, 2), scaled to [-1, 1]."""
        places = self._table(f"map.{method}")
        low, high = places.min(axis=0), places.max(axis=0)
        return 2 * (places - low) / (high - low) - 1

    def _code_at(self, place: tuple[float, float, str]) -> np.ndarray:
        """Return the top group's code at a place of a map, (dimensions,)."""
        x, y, method = place
        squares = ((self._places(method) - (x, y)) ** 2).sum(axis=1)
        nearest = np.argsort(squares)[:NEIGHBOURS]
        weights = 1 / (squares[nearest] + 1e-6)
        return weights @ self._table("map.codes")[nearest] / weights.sum()

    def _percentile(self, bound: float) -> float | None:
        """Return the share of real digits with a lower bound of 50 samples, in per cent."""
        if "usual.elbo" not in self.tables:
            return None
        return round(100 * float((np.sort(self._table("usual.elbo")) < bound).mean()), 1)


def code_shapes(config: ModelConfig) -> list[tuple[int, ...]]:
    """Return the shape of each group's code, top first."""
    maps7 = [(config.latent7, 7, 7)] * config.groups7
    maps14 = [(config.latent14, 14, 14)] * config.groups14
    return [(config.latent1,), *maps7, *maps14]


def see(picture: np.ndarray, prepared: bool, argument: str = "image") -> np.ndarray:
    """Return `picture`, (height, width, 4) uint8, as the model sees it, (28, 28) uint8.

    Raises:
        InputError: it shows nothing, or needs preparing and that was not asked for.
    """
    if prepared:
        return prepare(picture, argument)
    if picture.shape[:2] != (SIDE, SIDE):
        raise InputError(
            f"{argument} must be 28x28 pixels if prepare is false; got "
            f"{picture.shape[1]}x{picture.shape[0]}",
            argument,
        )
    return picture[..., :3].mean(axis=2).round().astype(np.uint8)


def see_or_error(picture: np.ndarray, prepared: bool) -> np.ndarray | InputError:
    try:
        return see(picture, prepared)
    except InputError as error:
        return error


def pictures(images: Tensor) -> np.ndarray:
    """Return images (count, 1, 28, 28) in [0, 1] as (count, 28, 28) uint8."""
    return (images[:, 0].clamp(0, 1) * 255).round().byte().cpu().numpy()


def between(start: Tensor, end: Tensor, part: Tensor) -> Tensor:
    """Return the codes at each `part`, (steps,) in [0, 1], of the great circle from `start` to
    `end`, codes of one group; (steps, *shape)."""
    part = part.view(-1, *[1] * start.dim())
    cosine = (start * end).sum() / (start.norm() * end.norm()).clamp_min(1e-6)
    angle = cosine.clamp(-0.999, 0.999).acos()
    return ((1 - part) * angle).sin() / angle.sin() * start + (
        part * angle
    ).sin() / angle.sin() * end


def half(hidden: str) -> np.ndarray:
    """Return 255 where the `hidden` half of a picture is, else 0, (28, 28) uint8."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    middle = SIDE // 2
    rows = {"upper": slice(0, middle), "lower": slice(middle, SIDE)}.get(hidden, slice(None))
    columns = {"left": slice(0, middle), "right": slice(middle, SIDE)}.get(hidden, slice(None))
    mask[rows, columns] = 255
    return mask
