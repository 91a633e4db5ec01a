"""What is learned of usual pictures: how unusual a new one is beside them, and where.

Of a texture, two things tell where: the defects that the auto-encoder sees, and how far its
features of a place are from those of usual pictures, as in Roth et al., "Towards Total Recall in
Industrial Anomaly Detection" (PatchCore), CVPR 2022 (arXiv:2106.08265), section 3, but without a
network that was trained on other pictures. The most unusual place is the score. An object is scored
as a whole: by the distance of its code to those of usual ones and, where that helps, by what the
auto-encoder changes and what differs from the nearest usual pictures tells where.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hub_anomaly.pictures.means import Means, differences
from hub_anomaly.pictures.model import ModelConfig, Restorer, deviation
from hub_anomaly.tables.neighbours import Space

Kind = Literal["texture", "object"]

BATCH = 64  # pictures that the network sees at once
PLACES = 4_000  # features of places that are kept of a texture
FROM = 20_000  # of which they are chosen
CODES = 1_000  # codes of whole objects that are kept
DIMENSIONS = 48  # of a code
MAPS = ("spoilt", "restoration", "places")  # of objects the last: pixels, and nearest usual ones
WEIGHTS: dict[Kind, tuple[float, ...]] = {"texture": (1.0, 0.0, 0.3), "object": (0.0, 0.0, 1.0)}
HOT = 0.95  # share of usual pictures that are nowhere as unusual as a heat of 1


@dataclass(frozen=True, eq=False)
class Memory:
    """Features of usual pictures, to be compared with."""

    rows: np.ndarray  # (rows, dimensions) float32

    def nearest(self, asked: np.ndarray, count: int = 1) -> np.ndarray:
        """Return the mean distance to the `count` nearest rows, (asked,)."""
        import faiss

        index = faiss.IndexFlatL2(self.rows.shape[1])
        index.add(np.ascontiguousarray(self.rows))
        squares, _ = index.search(np.ascontiguousarray(asked), min(count, len(self.rows)))
        found: np.ndarray = np.sqrt(squares.clip(0)).mean(1)
        return found


@dataclass(frozen=True, eq=False)
class Places:
    """What the network sees at places of usual pictures."""

    middle: np.ndarray  # (dimensions,) mean of the features
    spread: np.ndarray  # (dimensions,) their deviation
    memory: Memory

    @classmethod
    def of(cls, features: np.ndarray, rng: np.random.Generator) -> Places:
        """Return what is kept of features, (count, dimensions)."""
        middle, spread = features.mean(0), features.std(0) + 1e-3
        return cls(middle, spread, Memory(coreset((features - middle) / spread, PLACES, rng)))

    def far(self, features: np.ndarray) -> np.ndarray:
        """Return how far features, (count, places, dimensions), are from those that are kept,
        (count * places,)."""
        scaled = (features - self.middle) / self.spread
        return self.memory.nearest(scaled.reshape(-1, features.shape[2]))


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes of whole usual pictures, in few dimensions."""

    centre: np.ndarray  # (all,) their mean
    basis: np.ndarray  # (all, dimensions) what they differ in most
    space: Space

    @classmethod
    def of(cls, codes: np.ndarray, rng: np.random.Generator) -> Codes:
        """Return the codes, (count, all), CODES of them at the most."""
        centre = codes.mean(0)
        some = codes[rng.permutation(len(codes))[: 3 * CODES]] - centre
        basis = np.ascontiguousarray(np.linalg.svd(some, full_matrices=False)[2][:DIMENSIONS].T)
        return cls(centre, basis, Space.of(some[:CODES] @ basis))

    def strangeness(self, codes: np.ndarray) -> np.ndarray:
        """Return how far codes, (count, all), are from those that are kept, for the place where
        they lie, (count,)."""
        return self.space.strangeness((codes - self.centre) @ self.basis)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a detector sees in pictures; higher is more unusual."""

    maps: np.ndarray  # (count, maps, side, side) float32, in the order of MAPS
    features: np.ndarray  # (count, places, dimensions) float32: what the network sees there
    code: np.ndarray  # (count, dimensions) float32: of the whole picture
    restored: np.ndarray  # (count, side, side) float32 in [0, 1]


@dataclass(frozen=True, eq=False)
class Findings:
    """How unusual pictures are, and where."""

    score: np.ndarray  # (count,)
    heat: np.ndarray  # (count, side, side): 1 is more than most usual pictures have anywhere
    code: np.ndarray  # (count,) how far the code of the whole is from usual ones; 0 of textures
    maps: np.ndarray  # (count, maps, side, side), in the order of MAPS
    restored: np.ndarray  # (count, side, side) in [0, 1]: what would be usual in their place


@dataclass(frozen=True, eq=False)
class Detector:
    """Usual pictures of one sort, a network that knows them, and what it has seen in them."""

    name: str
    kind: Kind
    network: Restorer
    places: Places | None  # of a texture
    codes: Codes | None  # of an object
    means: Means | None  # likewise
    usual_map: np.ndarray  # (maps, 2) mean and deviation over held-out usual pictures
    hot: np.ndarray  # (2,) of their heat: where it begins, and what is nowhere in most of them
    usual: np.ndarray  # (count,) their scores, ascending
    changed: float = 0.0  # how much what is changed, and what differs, count beside the code

    @classmethod
    def of(
        cls,
        name: str,
        kind: Kind,
        network: Restorer,
        images: Tensor,
        held_out: Tensor,
        changed: float = 0.0,
    ) -> Detector:
        """Return a detector of pictures that are not like `images`.

        Args:
            network: trained on `images`.
            images: usual pictures, (count, 1, side, side) in [0, 1].
            held_out: others, which new pictures are ranked beside.
            changed: how much what the network changes in an object, and what differs from usual
                ones, count beside the code.
        """
        rng = np.random.default_rng(0)
        features, codes = remembered(network, images, rng)
        texture = kind == "texture"
        nothing = np.tile(np.array([0, 1], np.float32), (len(MAPS), 1))
        detector = cls(
            name=name,
            kind=kind,
            network=network,
            places=Places.of(features, rng) if texture else None,
            codes=None if texture else Codes.of(codes, rng),
            means=None if texture else Means.of(images.flatten(1).numpy(), rng),
            usual_map=nothing,
            hot=np.array([0, 1], np.float32),
            usual=np.zeros(1, np.float32),
            changed=changed,
        )
        return detector.measured(held_out)

    def measured(self, held_out: Tensor) -> Detector:
        """Return the detector with what it makes of held-out usual pictures."""
        maps = self.findings(held_out).maps
        told = np.stack([maps.mean((0, 2, 3)), maps.std((0, 2, 3)) + 1e-6], 1)
        scaled = replace(self, usual_map=told.astype(np.float32))
        heat = scaled.findings(held_out).heat
        low, high = np.median(heat), np.quantile(heat.max((1, 2)), HOT)
        scaled = replace(scaled, hot=np.array([low, max(high, low + 1e-3)], np.float32))
        return replace(scaled, usual=np.sort(scaled.findings(held_out).score))

    def findings(self, images: Tensor) -> Findings:
        """Return how unusual pictures, (count, 1, side, side) in [0, 1], are, and where."""
        parts = [self.part(some) for some in images.split(BATCH)]
        return Findings(*(np.concatenate([getattr(one, name) for one in parts]) for name in FIELDS))

    def part(self, images: Tensor) -> Findings:
        seen = see(self.network, images)
        maps, restored, size = seen.maps, seen.restored, images.shape[2]
        if self.places:
            side = round(seen.features.shape[1] ** 0.5)
            far = self.places.far(seen.features).reshape(-1, 1, side, side)
            maps[:, MAPS.index("places")] = enlarged(far, size)
        if self.means:
            restored = self.means.mixed(images.flatten(1).numpy()).reshape(restored.shape)
            maps[:, MAPS.index("places")] = differences(images[:, 0].numpy(), restored)
        mean, spread = self.usual_map[:, 0], self.usual_map[:, 1]
        scaled = (maps - mean[:, None, None]) / spread[:, None, None]
        heat = np.einsum("nmhw,m->nhw", scaled, np.array(WEIGHTS[self.kind], np.float32))
        heat = (heat - self.hot[0]) / (self.hot[1] - self.hot[0])
        code, score = np.zeros(len(images), np.float32), heat.max((1, 2))
        if self.codes:
            code = self.codes.strangeness(seen.code)
            change = maps[:, MAPS.index("restoration")].mean((1, 2))
            apart = np.sqrt(np.square(maps[:, MAPS.index("places")]).mean((1, 2)))
            score = code + self.changed * (np.log(change + 1e-6) + np.log(apart + 1e-6))
        return Findings(score, heat, code, maps, restored)

    def rarity(self, scores: np.ndarray) -> np.ndarray:
        """Return which share of usual pictures, (count,), would have such a score or a higher one:
        a p-value by ranks, from 1 / (held-out pictures + 1) to 1."""
        above = len(self.usual) - np.searchsorted(self.usual, scores, side="left")
        return (1 + above) / (1 + len(self.usual))

    def packed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return tensors, float16 but for the few that rank, and settings that `unpacked` takes."""
        halves: dict[str, np.ndarray] = {}
        if self.places:
            halves |= {"middle": self.places.middle, "spread": self.places.spread}
            halves["places"] = self.places.memory.rows
        if self.codes:
            halves |= {"centre": self.codes.centre, "basis": self.codes.basis}
            halves["codes"] = self.codes.space.rows
        arrays = {
            name: torch.from_numpy(np.ascontiguousarray(value)).half()
            for name, value in halves.items()
        }
        if self.means:
            levels = (255 * self.means.rows).round().clip(0, 255).astype(np.uint8)
            arrays["means"] = torch.from_numpy(levels)
        for name in EXACT:
            arrays[name] = torch.from_numpy(np.ascontiguousarray(getattr(self, name), np.float32))
        weights = self.network.state_dict()
        network = {f"network.{name}": one.half() for name, one in weights.items()}
        settings = {
            "name": self.name,
            "kind": self.kind,
            "changed": self.changed,
            "model": asdict(self.network.config),
        }
        return arrays | network, settings

    @classmethod
    def unpacked(
        cls, tensors: dict[str, Tensor], settings: dict[str, Any], device: str = "cpu"
    ) -> Detector:
        """Return the detector that was `packed`."""
        network = Restorer(ModelConfig(**settings["model"]))
        start = "network."
        weights = {
            name.removeprefix(start): one.float()
            for name, one in tensors.items()
            if name.startswith(start)
        }
        network.load_state_dict(weights)
        arrays = {
            name: one.float().numpy() for name, one in tensors.items() if not name.startswith(start)
        }
        places = codes = means = None
        if "places" in arrays:
            places = Places(arrays["middle"], arrays["spread"], Memory(arrays["places"]))
        if "codes" in arrays:
            codes = Codes(arrays["centre"], arrays["basis"], Space.of(arrays["codes"]))
        if "means" in arrays:
            means = Means(arrays["means"] / 255)
        return cls(
            name=settings["name"],
            kind=settings["kind"],
            network=network.to(device).eval(),
            places=places,
            codes=codes,
            means=means,
            changed=settings["changed"],
            **{name: arrays[name] for name in EXACT},
        )


FIELDS = ("score", "heat", "code", "maps", "restored")  # of Findings
EXACT = ("usual_map", "hot", "usual")  # kept in float32


@torch.inference_mode()
def see(network: Restorer, images: Tensor) -> Seen:
    """Return what a network sees in pictures, (count, 1, side, side) in [0, 1]; the map of places
    is empty yet."""
    given = images.to(next(network.parameters()).device)
    restored, logits, layers = network.seen(given)
    change = (restored - given).abs() / deviation(given)
    change = F.avg_pool2d(F.pad(change, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    maps = torch.cat([logits.sigmoid(), change, torch.zeros_like(change)], 1)
    at4, at8 = layers[1], layers[2]
    grown = F.interpolate(at8, scale_factor=2, mode="bilinear", align_corners=False)
    local = torch.cat([at4, grown], 1)
    local = F.avg_pool2d(F.pad(local, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return Seen(
        maps.float().cpu().numpy(),
        local.flatten(2).transpose(1, 2).float().cpu().numpy(),
        at8.flatten(1).float().cpu().numpy(),
        restored[:, 0].float().clamp(0, 1).cpu().numpy(),
    )


def remembered(
    network: Restorer, images: Tensor, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return features of places of usual pictures, FROM of them at the most, and codes of all of
    them."""
    features, codes = [], []
    share = FROM / len(images)
    for some in images.split(BATCH):
        seen = see(network, some)
        rows = seen.features.reshape(-1, seen.features.shape[2])
        chosen = rng.permutation(len(rows))[: max(1, round(share * len(some)))]
        features.append(rows[chosen])
        codes.append(seen.code)
    return np.concatenate(features), np.concatenate(codes)


def coreset(rows: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` of the rows, each the one farthest from those that were chosen before it:
    Roth et al., algorithm 1, on a random projection."""
    if len(rows) <= count:
        return rows
    dimensions = min(16, rows.shape[1])
    small = rows @ rng.standard_normal((rows.shape[1], dimensions)).astype(np.float32)
    squares = (small**2).sum(1)
    chosen = [int(rng.integers(len(rows)))]
    apart = np.full(len(rows), np.inf, np.float32)
    while len(chosen) < count:
        last = small[chosen[-1]]
        np.minimum(apart, squares - 2 * small @ last + last @ last, out=apart)
        chosen.append(int(apart.argmax()))
    return rows[chosen]


def enlarged(maps: np.ndarray, side: int) -> np.ndarray:
    """Return maps, (count, 1, height, width), as (count, side, side)."""
    tensor = torch.from_numpy(maps)
    size = (side, side)
    return F.interpolate(tensor, size, mode="bilinear", align_corners=False)[:, 0].numpy()


def as_inputs(images: Tensor, side: int) -> Tensor:
    """Return grey pictures of one size, (count, height, width) uint8, as a network takes them:
    (count, 1, side, side) in [0, 1]."""
    pictures = images[:, None].float() / 255
    size = (side, side)
    return F.interpolate(pictures, size, mode="bilinear", align_corners=False, antialias=True)
