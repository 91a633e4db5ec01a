"""What can be asked of the denoisers: spoil what is clean, and get back pictures, speech and text.

Pictures come as they are and go out as uint8, (height, width), (height, width, 3), or with the
transparency that came in (height, width, 4); one whose three channels are equal is a grey one.
Sounds come and go at their own rate and with their channels. Equal arguments give equal answers.
Every answer that tells numbers has `notes`, sentences on what was done to the input on the way.
torch is imported when the service is made: the hub reads the annotations when it starts.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from hub import (
    InputError,
    Json,
    Length,
    Picture,
    Progress,
    Range,
    Recording,
    WholeImage,
    WholeSound,
    endpoint,
)
from hub.audio import mixed, resampled
from hub.kinds import Choice
from hub_denoise import example
from hub_denoise.ways import NAMES, WAYS, Of, ways_of

if TYPE_CHECKING:
    from torch import Tensor

    from hub_denoise.text.corrupt import Token
    from hub_denoise.text.restore import Restored

SIDE = 28  # pixels of a digit
HOUR = 3600.0  # seconds
MINUTES = 600.0  # the longest sound that noise is made for, seconds
SPEECH_RATE = 16_000  # Hz, what measures of speech are taken at
BLOCK = 10.0  # seconds that are cleaned at once
JUDGED = 30.0  # seconds that PESQ and STOI judge, the first ones
LATER = 0.5  # seconds by which an original may differ in length
CLIPPED = 1e-3  # share of samples at full scale that is told of
ENSEMBLE_PIXELS = 4_000_000  # as it takes eight times as long
GPU_SECONDS = 30
MARKS = re.compile(r"\[mask\]|<mask>", re.IGNORECASE)  # what others write for a hidden word
FOREIGN = re.compile(r"[^\W\d_\u0000-\u024f]")  # a letter that English has not

Photo = Annotated[Picture, WholeImage()]
SmallPhoto = Annotated[Picture, WholeImage(max_side=10_000, max_pixels=4_000_000)]
Shown = Annotated[np.ndarray, WholeImage()]
Heard = Annotated[Recording, WholeSound(max_seconds=HOUR, max_bytes=500_000_000, min_rate=4000)]
Spoken = Annotated[Recording, WholeSound(max_seconds=MINUTES, min_rate=4000)]
Played = Annotated[Recording, WholeSound(max_seconds=HOUR)]
Words = Annotated[str, Length(1, 20_000)]
Seed = Annotated[int, Range(0, 2**31 - 1)]

A_PHOTO = Path(example.__file__).with_name("photographer.webp")
A_VOICE = example.voice("anna")
A_TEXT = "The company said on ____ that its profit had rsien for the third year in a row."


class Denoise:
    """The networks of one checkpoint."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        import torch

        from hub_denoise import spoil
        from hub_denoise.model import load
        from hub_denoise.pictures import measures, resize
        from hub_denoise.speech import measures as speech_measures
        from hub_denoise.speech.stream import Stream
        from hub_denoise.text import corrupt

        self.torch = torch
        self.spoil = spoil
        self.measures = measures
        self.doubled = resize.doubled
        self.speech_measures = speech_measures
        self.Stream = Stream
        self.texts = corrupt
        networks = load(checkpoint, device)
        self.pictures = networks.pictures
        self.speech = networks.speech
        self.text = networks.text
        self.told = networks.few_labels

    @endpoint(
        timeout=120,
        gpu_seconds=GPU_SECONDS,
        examples=[
            {"way": "gaussian", "image": A_PHOTO},
            {"way": "babble", "sound": A_VOICE},
            {"way": "hide", "text": example.TEXTS["market"]},
        ],
    )
    def corrupt(
        self,
        way: Annotated[str, Choice(NAMES)],
        image: Photo | None = None,
        sound: Spoken | None = None,
        text: Words | None = None,
        amount: Annotated[float, Range(-20, 255)] | None = None,
        seed: Seed = 0,
    ) -> tuple[Shown | None, Played | None, str | None]:
        """Spoil a picture, a sound or a text: whichever of the three is given.

        Args:
            way: how. Pictures: `gaussian`, noise of a deviation of `amount` grey levels of 255, cut
                to what a picture can hold; `salt_and_pepper`, a share of the pixels black or
                white; `masking`, a share of them black; `occlusion`, a grey square whose side is
                a share of the picture's shorter one; `shift`, moved by up to a share of it;
                `downscale`, so many times smaller and as large again; `halve`, half the height
                and width (bicubic; an odd last row or column is left out). Sounds, with a noise
                `amount` dB quieter than the speech: `white`, `coloured`, `hum`, `clicks`, `band`,
                `babble`, `siren`, `engine`. Texts, a share of the words: `hide` the word, `blank`
                a third of its letters, or `swap`, `drop`, `replace`, `insert` one letter.
            image: a picture; its transparency is left as it is.
            sound: a sound of at most ten minutes.
            text: a text.
            amount: how much, in the unit of the way; null: a usual amount.
            seed: another seed spoils other places.

        Returns:
            The spoilt picture, sound and text; two of them are null. A sound that would be clipped
            is made quieter.
        """
        given: dict[Of, Any] = {"picture": image, "sound": sound, "text": text}
        [of] = one_given({name: value for name, value in given.items() if value is not None})
        strength = checked_amount(way, of, amount)
        if image is not None:
            return self._spoilt_picture(image, way, strength, seed), None, None
        if sound is not None:
            noisy = self.spoil.spoilt_sound(sound.samples, sound.rate, way, strength, seed)
            return None, played(sound.rate, noisy), None
        return None, None, self.texts.corrupt(text or "", strength, (way,), seed=seed).text

    def _spoilt_picture(self, image: Picture, way: str, amount: float, seed: int) -> np.ndarray:
        planes, alpha = self._planes(image.pixels), None
        try:
            spoilt = self.spoil.spoilt_picture(planes, way, amount, seed)
        except ValueError as error:
            raise InputError(
                f"image must be a picture of 2x2 pixels or more, to be halved; got {error}", "image"
            ) from error
        if image.alpha is not None:
            plane = self._planes(image.alpha)
            alpha = self.spoil.spoilt_picture(plane, way, 2, 0) if way == "halve" else plane
        return shown(spoilt, alpha)

    # Pictures.

    @endpoint(timeout=300, gpu_seconds=GPU_SECONDS, examples=[{"image": A_PHOTO, "sigma": 10}])
    def denoise_image(
        self,
        image: Photo,
        sigma: Annotated[float, Range(0, 100)] = 0.0,
        model: Literal["photo", "digit"] = "photo",
        ensemble: bool = False,
        clean: Photo | None = None,
    ) -> tuple[
        Shown,
        Annotated[
            dict,
            Json(
                {
                    "size": "width and height of what came out, pixels",
                    "sigma_estimated": "deviation of what was taken away, grey levels of 255",
                    "psnr": "dB to `clean`, over all channels; null without it, or where equal",
                    "psnr_before": "the same of `image`",
                    "ssim": "structural similarity to `clean`; null without it, or under 11 pixels",
                    "ssim_before": "the same of `image`",
                    "notes": "sentences on what was done to the input",
                }
            ),
        ],
    ]:
        """Take the noise out of a picture.

        A photograph may be of any size: it is restored in tiles that fade into each other. Where
        the checkpoint has no network for colours, luminance and two differences of colours are
        restored one by one.
        A digit is brought to 28x28 pixels, light on dark, whatever was done to it (noise, pixels
        that are missing, a square in front of it, a shift, a smaller size).

        Args:
            image: a picture of at most 20,000 pixels a side and 16 million in all. Transparency
                is passed through; 16 bits become 8; of an animation the first frame is taken.
            sigma: the deviation of the noise in grey levels of 255; 0: not known. For photographs.
            model: `photo` for photographs, `digit` for pictures of one digit or piece of clothing.
            ensemble: take the mean over eight turns and reflections: a little better, eight times
                as long, of at most 4 million pixels. For photographs.
            clean: the original, as large as `image`, to measure against.

        Returns:
            The restored picture; `size`, `sigma_estimated`, `psnr`, `psnr_before`, `ssim`,
            `ssim_before`, `notes`.
        """
        notes = list(image.notes)
        spoilt = self._planes(image.pixels)
        original = None if clean is None else self._original(clean, spoilt)
        if model == "digit":
            light = median_of_border(image.pixels) > 127
            spoilt = self._digit(spoilt, light)
            original = None if original is None else self._digit(original, light)
            restored = self.pictures.restore_digits(spoilt[None])[0]
            if light:
                notes.append("It is dark on light; the network saw it light on dark.")
                spoilt, restored = 1 - spoilt, 1 - restored
                original = None if original is None else 1 - original
            alpha = None
        else:
            check_ensemble(ensemble, spoilt)
            restored = self.pictures.denoise(spoilt, sigma, ensemble)
            alpha = None if image.alpha is None else self._planes(image.alpha)
        restored = self.measures.as_stored(restored)
        removed = float((spoilt - restored).double().square().mean().sqrt())
        info = {
            "size": [restored.shape[2], restored.shape[1]],
            "sigma_estimated": round(255 * removed, 2),
            **self._similar(restored, original),
            **{f"{name}_before": one for name, one in self._similar(spoilt, original).items()},
            "notes": notes,
        }
        return shown(restored, alpha), info

    @endpoint(
        timeout=300,
        gpu_seconds=GPU_SECONDS,
        examples=[{"image": np.asarray(example.digits()[7])}],
    )
    def upscale_image(
        self, image: SmallPhoto, ensemble: bool = False, clean: Photo | None = None
    ) -> tuple[
        Shown,
        Annotated[
            dict,
            Json(
                {
                    "size": "width and height of what came out, pixels",
                    "psnr": "dB to `clean`, of the luminance; null without it, or where equal",
                    "psnr_bicubic": "the same of `image` doubled bicubically",
                    "ssim": "structural similarity to `clean`, of the luminance",
                    "ssim_bicubic": "the same of `image` doubled bicubically",
                    "notes": "sentences on what was done to the input",
                }
            ),
        ],
    ]:
        """Double a picture's height and width, and put detail into it.

        Args:
            image: a picture of at most 10,000 pixels a side and 4 million in all; of others than
                grey ones the luminance is made better, and colours are doubled bicubically.
            ensemble: take the mean over eight turns and reflections: a little better, eight times
                as long, of at most a million pixels.
            clean: the original to measure against, twice as large as `image`, or by one row and
                one column more, which are left out.

        Returns:
            The picture; `size`, `psnr`, `psnr_bicubic`, `ssim`, `ssim_bicubic`, `notes`.
        """
        small = self._planes(image.pixels)
        check_ensemble(ensemble, small, ENSEMBLE_PIXELS // 4)
        large = self.measures.as_stored(self.pictures.upscale(small, ensemble))
        plain = self.measures.as_stored(self.doubled(small))
        original = None if clean is None else self._twice_as_large(clean, large)
        light = self.measures.luminance
        if original is not None:
            original = light(original)
        info = {
            "size": [large.shape[2], large.shape[1]],
            **self._similar(light(large), original),
            **{
                f"{name}_bicubic": one
                for name, one in self._similar(light(plain), original).items()
            },
            "notes": list(image.notes),
        }
        alpha = None
        if image.alpha is not None:
            alpha = self.doubled(self._planes(image.alpha))
        return shown(large, alpha), info

    def _planes(self, pixels: np.ndarray) -> Tensor:
        """Return a picture as (1 or 3, height, width) in [0, 1]; 1 where its channels are equal."""
        if pixels.ndim == 3 and (pixels[..., :1] == pixels[..., 1:]).all():
            pixels = pixels[..., 0]
        planes = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
        return self.torch.from_numpy(np.ascontiguousarray(planes)).float() / 255

    def _original(self, clean: Picture, like: Tensor) -> Tensor:
        """Return the original with as many channels as `like`.

        Raises:
            InputError: it is of another size.
        """
        planes = self._planes(clean.pixels)
        if planes.shape[1:] != like.shape[1:]:
            raise InputError(
                f"clean must be as large as image, {size_of(like)}; got {size_of(planes)}", "clean"
            )
        return self._with_channels(planes, len(like))

    def _twice_as_large(self, clean: Picture, large: Tensor) -> Tensor:
        planes = self._planes(clean.pixels)
        (height, width), (most_rows, most_columns) = large.shape[1:], planes.shape[1:]
        if not (0 <= most_rows - height <= 1 and 0 <= most_columns - width <= 1):
            raise InputError(
                f"clean must be twice as large as image, {size_of(large)}; got {size_of(planes)}",
                "clean",
            )
        return self._with_channels(planes[:, :height, :width], len(large))

    def _with_channels(self, planes: Tensor, count: int) -> Tensor:
        if len(planes) == count:
            return planes
        if count == 3:
            return planes.expand(3, -1, -1)
        return planes.mean(0, keepdim=True)

    def _digit(self, planes: Tensor, light: bool) -> Tensor:
        """Return a picture as (1, 28, 28), light on dark.

        Args:
            light: it is dark on light, and is turned round.
        """
        from PIL import Image, ImageOps

        grey = planes.mean(0)
        grey = 1 - grey if light else grey
        if grey.shape == (SIDE, SIDE):
            return grey[None]
        picture = Image.fromarray((255 * grey).round().byte().numpy())
        scale = SIDE / max(picture.size)
        inside = [max(1, round(scale * side)) for side in picture.size]
        fitted = picture.resize((inside[0], inside[1]), Image.Resampling.BOX)
        return self._planes(np.array(ImageOps.pad(fitted, (SIDE, SIDE), color=0)))

    def _similar(self, planes: Tensor, original: Tensor | None) -> dict[str, float | None]:
        """Return PSNR and SSIM; None where there is nothing to tell."""
        if original is None:
            return {"psnr": None, "ssim": None}
        signal = self.measures.psnr(planes, original)
        large = min(planes.shape[1:]) >= 11
        return {
            "psnr": round(signal, 3) if math.isfinite(signal) else None,
            "ssim": round(self.measures.ssim(planes, original), 4) if large else None,
        }

    # Speech.

    @endpoint(timeout=900, gpu_seconds=GPU_SECONDS, examples=[{"sound": A_VOICE}])
    def denoise_speech(
        self,
        sound: Heard,
        strength: Annotated[float, Range(0, 1)] = 1.0,
        clean: Heard | None = None,
        progress: Progress | None = None,
    ) -> tuple[
        Played,
        Played,
        Annotated[
            dict,
            Json(
                {
                    "rate": "samples a second",
                    "seconds": "length",
                    "level_before_db": "level of `sound`, dB of full scale; null of silence",
                    "level_after_db": "the same of what came out",
                    "notes": "sentences on what was done to the input",
                }
            ),
        ],
    ]:
        """Take the noise out of speech.

        The network hears 16 kHz, so what is above 8 kHz is not in the answer. Channels are cleaned
        one by one, ten seconds at a time.

        Args:
            sound: a sound of at most an hour, at 4 to 384 kHz, with one to eight channels, of at
                most 180 million samples in all of them. As WAV an hour is larger than what most
                hubs let through, 50 MB: send Opus, MP3 or M4A.
            strength: how much of what is found to be noise is taken away, 0 to 1.
            clean: the original, as long as `sound`, to measure against.

        Returns:
            The clean sound, as long and at the same rate as `sound`; what was taken away; `rate`,
            `seconds`, `level_before_db`, `level_after_db`, `notes`. With `clean` also
            `si_sdr` and `si_sdr_before` in dB, and where the packages pesq and pystoi are
            installed `pesq`, `stoi`, `pesq_before` and `stoi_before`, of the first half a minute.
        """
        rate, samples = sound
        if clean is not None and abs(length(clean) - length(sound)) > LATER:
            raise InputError(
                f"clean must be as long as sound, {length(sound):.1f} seconds; got "
                f"{length(clean):.1f}",
                "clean",
            )
        found = np.zeros(samples.shape, np.int16)
        removed = np.zeros(samples.shape, np.int16)
        heard = self._cleaned(sound, strength)
        for start, block in heard:
            end = start + len(block)
            found[start:end] = sixteen_bits(block)
            removed[start:end] = sixteen_bits(samples[start:end] - block)
            if progress:
                progress(end / len(samples), f"{end / rate:.0f} of {length(sound):.0f} seconds")
        info: dict[str, Any] = {
            "rate": rate,
            "seconds": round(length(sound), 3),
            "level_before_db": level_of(samples),
            "level_after_db": level_of(found),
            "notes": notes_on(sound),
        }
        if clean is not None:
            info |= self._judged(sound, Recording(rate, found), clean)
        return played(rate, found), played(rate, removed), info

    def _cleaned(self, sound: Recording, strength: float) -> Iterator[tuple[int, np.ndarray]]:
        """Yield clean samples, (samples, channels), and where each block of them starts."""
        rate, samples = sound
        stream = self.Stream(self.speech, rate, samples.shape[1], strength)
        size, given = round(BLOCK * rate), 0
        for start in range(0, len(samples), size):
            block = stream.feed(samples[start : start + size])
            yield given, block
            given += len(block)
        yield given, stream.finish().reshape(-1, samples.shape[1])

    def _judged(self, noisy: Recording, found: Recording, clean: Recording) -> dict[str, Any]:
        """Return how near a sound is to its original, and how near it was before."""
        original, before, after = (at_16_khz(one) for one in (clean, noisy, found))
        count = min(map(len, (original, before, after)))
        original, before, after = (one[:count] for one in (original, before, after))
        measures = self.speech_measures
        some = round(JUDGED * SPEECH_RATE)
        told: dict[str, Any] = {}
        for ending, one in (("", after), ("_before", before)):
            spoken = bool(original.any())  # else there is nothing to be near to
            told[f"si_sdr{ending}"] = round(measures.si_sdr(original, one), 2) if spoken else None
            if installed("pesq"):
                try:
                    quality = round(measures.pesq(original[:some], one[:some]), 3)
                except ValueError:  # too short, or nobody speaks
                    quality = None
                told[f"pesq{ending}"] = quality
            if installed("pystoi"):
                told[f"stoi{ending}"] = intelligibility(measures, original[:some], one[:some])
        return told

    # Text.

    @endpoint(timeout=300, gpu_seconds=GPU_SECONDS, examples=[{"text": A_TEXT}])
    def restore_text(
        self, text: Words, known_places: bool = False, clean: Words | None = None
    ) -> tuple[
        str,
        Annotated[
            dict,
            Json(
                {
                    "text": "the spoilt text as it was read",
                    "words": "each word that was looked at: seen, restored, start in `text`, "
                    "restored_start in what came out, probability, changed, alternatives (words "
                    "with their probabilities), right (null without `clean`)",
                    "spoilt": "words of `text` that differ from `clean`; null without it",
                    "accuracy": "share of those that came back, 0 to 1; null without any",
                    "notes": "sentences on what was done to the input",
                }
            ),
        ],
    ]:
        """Restore hidden and misspelt words of an English text.

        A hidden word is `____` (or `[MASK]`), a hidden letter `_`.

        Args:
            text: a text of at most 20,000 characters.
            known_places: true: only words with `_` are restored, and where `clean` is given those
                that differ from it. false: words that the vocabulary does not know are looked at
                too, and what was not in it may stay as it is.
            clean: the original, of as many words as `text`, to measure against.

        Returns:
            The restored text; `text`, `words`, `spoilt`, `accuracy`, `notes`.
        """
        seen = MARKS.sub(self.texts.HIDDEN, text)
        originals = None if clean is None else self._originals(seen, clean)
        spoilt = None
        if known_places:
            spoilt = [
                token.start
                for token in self._words(seen)
                if self.texts.BLANK in token.text
                or (originals and originals[token.start] != token.text)
            ]
        restored, found = self.text.restore(seen, spoilt)
        info = {
            "text": seen,
            "words": list(described(found, originals)),
            "spoilt": None,
            "accuracy": None,
            "notes": [],
        }
        if originals is not None:
            wrong = {one.start for one in self._words(seen) if originals[one.start] != one.text}
            right = sum(one.word == originals[one.start] for one in found if one.start in wrong)
            info["spoilt"] = len(wrong)
            info["accuracy"] = round(right / len(wrong), 4) if wrong else None
        if FOREIGN.search(seen):
            info["notes"] = ["Words in other letters than those of English are left as they are."]
        return restored, info

    def _words(self, text: str) -> list[Token]:
        return [token for token in self.texts.tokens(text) if token.is_word]

    def _originals(self, seen: str, clean: str) -> dict[int, str]:
        """Return the original of each word by where it starts in the spoilt text.

        Raises:
            InputError: the two have not as many words.
        """
        spoilt, words = self._words(seen), self._words(clean)
        if len(spoilt) != len(words):
            raise InputError(
                f"clean must be a text of as many words as text, {len(spoilt)}; got {len(words)}",
                "clean",
            )
        return {one.start: word.text for one, word in zip(spoilt, words, strict=True)}

    # What was learned.

    @endpoint
    def few_labels(self) -> Annotated[dict, Json()]:
        """Tell what features that denoising has taught are worth to a classifier.

        Returns:
            What the checkpoint tells of it; nothing where it was not measured.
        """
        return self.told


# What is given.


def one_given(given: dict[Of, Any]) -> list[Of]:
    """Return which of picture, sound and text is given.

    Raises:
        InputError: none is, or more than one.
    """
    if len(given) != 1:
        found = " and ".join("image" if name == "picture" else name for name in given)
        raise InputError(
            f"image must be given, or sound, or text, and only one; got {found or 'none of them'}",
            "image",
        )
    return list(given)


def checked_amount(way: str, of: Of, amount: float | None) -> float:
    """Return the amount, or the usual one.

    Raises:
        InputError: the way is none for this, or does not go so far.
    """
    if WAYS[way].of != of:
        raise InputError(
            f"way must be one that a {of} can be spoilt in, {', '.join(ways_of(of))}; got {way!r}",
            "way",
        )
    known = WAYS[way]
    if amount is None:
        return known.default
    if not known.least <= amount <= known.most:
        raise InputError(
            f"amount must be {known.least:g} to {known.most:g} for {way} ({known.unit}); got "
            f"{amount:g}",
            "amount",
        )
    return amount


def check_ensemble(ensemble: bool, planes: Tensor, most: int = ENSEMBLE_PIXELS) -> None:
    pixels = planes.shape[1] * planes.shape[2]
    if ensemble and pixels > most:
        raise InputError(
            f"ensemble must be false for pictures of more than {most / 1e6:g} million pixels, as "
            f"it takes eight times as long; got {pixels / 1e6:.1f} million",
            "ensemble",
        )


def size_of(planes: Tensor) -> str:
    return f"{planes.shape[2]}x{planes.shape[1]} pixels"


def median_of_border(pixels: np.ndarray) -> float:
    """Return how light a picture's border is, 0 to 255."""
    border = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    return float(np.median(np.concatenate([one.reshape(-1) for one in border])))


def length(sound: Recording) -> float:
    """Return a sound's length, seconds."""
    return len(sound.samples) / sound.rate


def notes_on(sound: Recording) -> list[str]:
    rate, samples = sound
    if not samples.any():
        return ["It is silent from beginning to end."]
    notes = []
    clipped = float((np.abs(samples) >= 0.999).mean())
    if clipped > CLIPPED:
        notes.append(f"It is clipped, {clipped:.1%} of its samples; that cannot be mended.")
    if rate > SPEECH_RATE:
        notes.append("What is above 8 kHz counts as noise.")
    return notes


# What is given back.


def shown(planes: Tensor, alpha: Tensor | None) -> np.ndarray:
    """Return planes in [0, 1], (1 or 3, height, width), as uint8, with their transparency beside
    red, green and blue."""
    pixels = (255 * planes).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    if alpha is None:
        return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    clear = (255 * alpha).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return np.concatenate([np.broadcast_to(pixels, (*pixels.shape[:2], 3)), clear], axis=2)


def sixteen_bits(samples: np.ndarray) -> np.ndarray:
    return (32767 * samples.clip(-1, 1)).round().astype(np.int16)


def played(rate: int, samples: np.ndarray) -> Recording:
    """Return (samples, channels) as players take it: int16, and (samples,) of one channel."""
    whole = samples if samples.dtype == np.int16 else sixteen_bits(samples)
    return Recording(rate, whole[:, 0] if whole.shape[1] == 1 else whole)


def level_of(samples: np.ndarray) -> float | None:
    """Return the level in dB of full scale; None of silence."""
    full = 32768.0 if samples.dtype == np.int16 else 1.0
    flat = samples.reshape(-1)
    power = sum(
        float(np.square(part, dtype=np.float64).sum()) for part in np.array_split(flat, 16)
    ) / (full**2 * max(1, flat.size))
    return round(10 * math.log10(power), 2) if power > 0 else None


def at_16_khz(sound: Recording) -> np.ndarray:
    samples = sound.samples
    if samples.dtype == np.int16:
        samples = samples.astype(np.float32) / 32768
    return resampled(mixed(samples), sound.rate, SPEECH_RATE)


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def intelligibility(measures: Any, clean: np.ndarray, found: np.ndarray) -> float | None:
    """Return the STOI; None where too little is said for it."""
    import warnings

    if not clean.any():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return round(measures.stoi(clean, found), 4)
        except (RuntimeWarning, ValueError, IndexError):
            return None


def described(
    found: Sequence[Restored], originals: dict[int, str] | None
) -> Iterator[dict[str, Any]]:
    """Yield what became of each word that was looked at."""
    longer = 0  # characters by which the restored text is, up to here
    for one in found:
        yield {
            "seen": one.seen,
            "restored": one.word,
            "start": one.start,
            "restored_start": one.start + longer,
            "probability": round(one.probability, 4),
            "changed": one.changed,
            "alternatives": [[word, round(share, 4)] for word, share in one.alternatives],
            "right": None if originals is None else one.word == originals[one.start],
        }
        longer += len(one.word) - len(one.seen)
