"""How near cleaned speech is to the original, and the classical filter to be better than."""

from __future__ import annotations

import numpy as np

RATE = 16_000  # Hz
FFT, HOP = 512, 256  # samples of the filter's frames
MINIMUM = 94  # frames, 1.5 s, in which speech is expected to pause in every band


def pesq(clean: np.ndarray, found: np.ndarray) -> float:
    """Return the PESQ of `found`, wide band, from 1.04 to 4.64; higher is better.

    ITU-T P.862.2, by the package pesq. Both (samples,) at 16 kHz.

    Raises:
        ValueError: there is no speech in one of them, or less than a quarter of a second.
    """
    from pesq import PesqError
    from pesq import pesq as judged

    if len(clean) < RATE // 4:
        raise ValueError(f"PESQ needs a quarter of a second at least, got {len(clean)} samples")
    if not (np.any(clean) or np.any(found)):
        raise ValueError("PESQ finds no speech to judge (both are silent)")
    try:
        return float(judged(RATE, clean, found, "wb"))
    except PesqError as error:
        raise ValueError(f"PESQ finds no speech to judge ({type(error).__name__})") from error


def stoi(clean: np.ndarray, found: np.ndarray) -> float:
    """Return the short-time objective intelligibility, to 1; higher is better.

    Taal et al., IEEE TASLP 19(7), 2011, by the package pystoi. Both (samples,) at 16 kHz.
    """
    from pystoi import stoi as judged

    return float(judged(clean, found, RATE, extended=False))


def si_sdr(clean: np.ndarray, found: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio, dB; higher is better.

    Le Roux et al., "SDR - Half-baked or Well Done?", arXiv:1811.02508, equation 5. Both
    (samples,); of equal ones it is what the rounding leaves, at most 120 dB.
    """
    clean = clean - clean.mean(dtype=np.float64)
    found = found - found.mean(dtype=np.float64)
    target = clean * (found @ clean / max(float(clean @ clean), 1e-20))
    rest = found - target
    power = float(target @ target) + 1e-20
    ratio = power / max(float(rest @ rest), 1e-12 * power)
    return float(10 * np.log10(max(ratio, 1e-12)))


def wiener(samples: np.ndarray, smoothing: float = 0.96, least: float = 0.2) -> np.ndarray:
    """Return samples, (samples,) at 16 kHz, through a Wiener filter that follows the noise.

    The a-priori ratio is decision-directed (Scalart and Filho, "Speech Enhancement Based on A
    Priori Signal to Noise Estimation", ICASSP 1996), the noise the minimum of the smoothed power
    within a second and a half (Martin, "Spectral Subtraction Based on Minimum Statistics", EUSIPCO
    1994) times a factor for its bias. These constants were the best of seven on the validation
    speakers, by PESQ.

    Args:
        smoothing: of the a-priori ratio, from frame to frame.
        least: gain, so that what is left of the noise does not tinkle.
    """
    count = len(samples)
    window = np.sqrt(np.hanning(FFT + 1)[:FFT])
    frames = -(-(count + HOP) // HOP)
    padded = np.zeros((frames + 1) * HOP, np.float64)
    padded[HOP : HOP + count] = samples
    spectra = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP] * window, axis=1
    )
    power = np.abs(spectra) ** 2
    smooth = np.empty_like(power)
    smooth[0] = power[:8].mean(0)
    for t in range(1, len(power)):
        smooth[t] = 0.7 * smooth[t - 1] + 0.3 * power[t]
    out = np.zeros_like(padded)
    before = np.zeros(power.shape[1])  # the clean power of the last frame
    for t in range(len(power)):
        noise = 2.5 * smooth[max(0, t - MINIMUM) : t + 1].min(0) + 1e-12
        posterior = power[t] / noise
        prior = smoothing * before / noise + (1 - smoothing) * np.maximum(posterior - 1, 0)
        gain = np.maximum(prior / (1 + prior), least)
        before = gain**2 * power[t]
        out[t * HOP : t * HOP + FFT] += np.fft.irfft(gain * spectra[t], FFT) * window
    return out[HOP : HOP + count].astype(np.float32)
