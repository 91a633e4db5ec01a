"""What the networks for pictures are measured by, beside peers on the same spoilt pictures.

Denoising is told the noise level where a peer needs to be told it (`psnr_..._sigma25`), and not
told it once more (`..._blind`). As in the papers the noise is white and Gaussian, neither clipped
nor rounded, and what comes out is: PSNR and SSIM are of 8-bit pictures. Every picture's noise has a
seed of its own, so a part of a set is measured on the same noise as the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from hub.evaluation import QUICK, Metric
from hub_denoise.pictures.corrupt import CORRUPTIONS, noisy
from hub_denoise.pictures.data import (
    DENOISING,
    FASHION,
    MNIST,
    SUPER_RESOLUTION,
    channels_first,
    digits_of,
    photographs,
)
from hub_denoise.pictures.measures import as_stored, luminance, psnr, ssim
from hub_denoise.pictures.networks import Networks
from hub_denoise.pictures.resize import doubled, halved

SIGMAS = (15, 25, 50)
SHAVED = 2  # pixels at each border that super-resolution is not measured on, one per factor
SPOILT = 0.5  # share of a corruption's largest amount that digits are spoilt by
NON_LOCAL_H = 0.6  # of sigma: of 0.4, 0.6, 0.8 and 1 the best on pictures held out of Train400

Restore = Callable[[Tensor], Tensor]  # a picture, (channels, height, width), to the same


def evaluate_pictures(networks: Networks, quick: bool = False) -> dict[str, Metric]:
    """Measure the networks on the test pictures, and the peers beside them.

    All of it takes about 40 minutes on one core, nearly all of them BM3D's.

    Args:
        quick: a part of the pictures, without BM3D and non-local means, which take most of the
            time; all names then end in "_quick".

    Raises:
        CheckpointError: a part of the checkpoint is missing.
        DataError: the test pictures are not there.
    """
    every = 17 if quick else 1
    metrics: dict[str, Metric] = {}
    for name in ("bsd68", "set12"):
        if not quick or name == "bsd68":
            metrics |= denoised(networks, name, photographs(DENOISING, name)[::every], quick)
    metrics |= upscaled(networks, "set5", photographs(SUPER_RESOLUTION, "set5"))
    if not quick:
        metrics |= upscaled(networks, "set14", photographs(SUPER_RESOLUTION, "set14"))
        colours = [one for one in photographs(SUPER_RESOLUTION, "set5") if len(one) == 3]
        metrics |= denoised(networks, "set5_colour", colours, quick)
    for name, data in (("mnist", MNIST), ("fashion_mnist", FASHION)):
        metrics |= digits_restored(networks, name, digits_of(data, "test")[:: 50 if quick else 10])
    return {name + QUICK: one for name, one in metrics.items()} if quick else metrics


# Noise.


def denoised(
    networks: Networks, name: str, pictures: list[Tensor], quick: bool
) -> dict[str, Metric]:
    """Return PSNR and SSIM of pictures, uint8, that noise was added to, ours and the peers'."""
    metrics = {}
    for sigma in SIGMAS:
        systems: dict[str, Restore] = {
            "": partial(networks.denoise, sigma=sigma),
            "_blind": networks.denoise,
        }
        if not quick:
            systems |= {
                "_bm3d": partial(bm3d, sigma=sigma),
                "_non_local_means": partial(non_local_means, sigma=sigma),
                "_ensemble": partial(networks.denoise, sigma=sigma, ensemble=True),
            }
        pairs = [
            (spoilt_by(picture / 255, sigma, index), picture / 255)
            for index, picture in enumerate(pictures)
        ]
        told = (
            f"{len(pairs)} pictures of {name}, white Gaussian noise of sigma {sigma} of 255, "
            "seeded, not clipped"
        )
        for system, restore in systems.items():
            title = f"{name}_sigma{sigma}{system}"
            found = [
                (psnr(one, clean), ssim(one, clean))
                for one, clean in restored(restore, pairs, title)
            ]
            signal, similar = np.mean(found, axis=0)
            blind = "; level not told" if system == "_blind" else "; level told"
            metrics[f"psnr_{title}"] = Metric(float(signal), "dB", True, told + blind)
            metrics[f"ssim_{title}"] = Metric(float(similar), "", True, told + blind)
    return metrics


def spoilt_by(clean: Tensor, sigma: float, index: int) -> Tensor:
    """Return picture number `index` of a set with its noise, always the same."""
    return noisy(clean, sigma, torch.Generator().manual_seed(1_000 * int(sigma) + index))


def restored(
    restore: Restore, pairs: list[tuple[Tensor, Tensor]], title: str
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what becomes of each spoilt picture, as 8 bits would hold it, and the clean one."""
    for spoilt, clean in tqdm(pairs, desc=title, mininterval=5):
        yield as_stored(restore(spoilt)), clean


def bm3d(picture: Tensor, sigma: float) -> Tensor:
    """Return a picture denoised by BM3D, or if it has colours by CBM3D: Dabov et al., "Image
    Denoising by Sparse 3-D Transform-Domain Collaborative Filtering", TIP 2007, by its authors'
    package."""
    import bm3d as peer

    denoise = peer.bm3d if len(picture) == 1 else peer.bm3d_rgb
    return from_image(denoise(as_image(picture), sigma_psd=sigma / 255))


def non_local_means(picture: Tensor, sigma: float) -> Tensor:
    """Return a picture denoised by non-local means: Buades et al., "A Non-Local Algorithm for Image
    Denoising", CVPR 2005, by scikit-image."""
    from skimage.restoration import denoise_nl_means

    made = denoise_nl_means(
        as_image(picture),
        patch_size=5,
        patch_distance=10,
        h=NON_LOCAL_H * sigma / 255,
        sigma=sigma / 255,
        channel_axis=None if len(picture) == 1 else -1,
    )
    return from_image(made)


def as_image(picture: Tensor) -> np.ndarray:
    """Return (1 or 3, height, width) as (height, width) or (height, width, 3) float64."""
    image = picture.double().numpy()
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def from_image(image: np.ndarray) -> Tensor:
    return channels_first(np.ascontiguousarray(image, dtype=np.float32))


# Detail.


def upscaled(networks: Networks, name: str, pictures: list[Tensor]) -> dict[str, Metric]:
    """Return PSNR and SSIM of pictures, uint8, that were halved and are doubled again."""
    told = (
        f"{len(pictures)} pictures of {name} halved as MATLAB's imresize does (bicubic, "
        f"anti-aliased), BT.601 luminance alone, {SHAVED} pixels shaved"
    )
    pairs = [halved_luminance(picture) for picture in pictures]
    systems: dict[str, Restore] = {
        "": networks.upscale,
        "_ensemble": partial(networks.upscale, ensemble=True),
        "_bicubic": doubled,
    }
    metrics = {}
    for system, restore in systems.items():
        found = [
            (psnr(shaved(one), shaved(clean)), ssim(shaved(one), shaved(clean)))
            for one, clean in restored(restore, pairs, f"{name}_x2{system}")
        ]
        signal, similar = np.mean(found, axis=0)
        metrics[f"psnr_{name}_x2{system}"] = Metric(float(signal), "dB", True, told)
        metrics[f"ssim_{name}_x2{system}"] = Metric(float(similar), "", True, told)
    return metrics


def halved_luminance(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return a picture's luminance, halved and whole, cut to an even height and width."""
    _, height, width = picture.shape
    clean = luminance(picture[:, : height - height % 2, : width - width % 2] / 255)
    return halved(clean), clean


def shaved(picture: Tensor) -> Tensor:
    return picture[:, SHAVED:-SHAVED, SHAVED:-SHAVED]


# Digits.


def digits_restored(networks: Networks, name: str, images: Tensor) -> dict[str, Metric]:
    """Return the PSNR of digits, (count, 1, 28, 28) uint8, spoilt in each of CORRUPTIONS, as they
    are, ours and the peers'."""
    clean = images / 255
    systems: dict[str, Restore] = {
        "": networks.restore_digits,
        "_spoilt": lambda spoilt: spoilt,
        "_median": median,
        "_wavelet": wavelet,
    }
    metrics = {}
    for seed, (way, corruption) in enumerate(CORRUPTIONS.items()):
        amount = SPOILT * corruption.largest
        generator = torch.Generator().manual_seed(seed)
        spoilt = corruption.apply(clean, torch.full((len(clean),), amount), generator)
        told = f"{len(clean)} test pictures of {name}, {way} of {amount:g} ({corruption.unit})"
        for system, restore in systems.items():
            errors = (restore(spoilt) - clean).square().flatten(1).mean(1)
            signal = -10 * errors.clamp_min(1e-10).log10().mean()
            metrics[f"psnr_{name}_{way}{system}"] = Metric(float(signal), "dB", True, told)
    return metrics


def median(images: Tensor) -> Tensor:
    """Return digits, (count, 1, 28, 28), through a median filter of 3x3."""
    from scipy.ndimage import median_filter

    return torch.from_numpy(median_filter(images.numpy(), size=(1, 1, 3, 3), mode="nearest"))


def wavelet(images: Tensor) -> Tensor:
    """Return digits, (count, 1, 28, 28), with their wavelet coefficients shrunk: Chang et al.,
    "Adaptive Wavelet Thresholding for Image Denoising and Compression", TIP 2000, by scikit-image,
    which estimates the noise's level itself."""
    from skimage.restoration import denoise_wavelet, estimate_sigma

    def one(image: np.ndarray) -> np.ndarray:
        sigma = estimate_sigma(image)
        return denoise_wavelet(image, sigma=sigma) if sigma > 1e-4 else image

    made = [one(image.astype(np.float64)) for image in images[:, 0].numpy()]
    return torch.from_numpy(np.stack(made)).float()[:, None]
