"""Corrupt what is clean, and get it back: pictures, speech, text."""

from hub import Demo, Paper, Published, hookimpl

DNCNN = "github.com/cszn/DnCNN, README, table of BSD68"


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="denoise",
        title="Denoising",
        summary="Spoil a picture, speech or a text, or bring a noisy one, and get it back clean.",
        service="hub_denoise.service:Denoise",
        page="hub_denoise.page:page",
        train="hub_denoise.train:train",
        evaluate="hub_denoise.evaluate:evaluate",
        benchmark="hub_denoise.benchmark:benchmark",
        card="hub_denoise.card:CARD",
        headline="psnr_bsd68_sigma25",
        tags=("images", "speech", "text", "denoising auto-encoder"),
        papers=(
            Paper(
                "Extracting and Composing Robust Features with Denoising Autoencoders",
                "10.1145/1390156.1390294",
                "Vincent et al., 2008",
            ),
            Paper(
                "Robust and Interpretable Blind Image Denoising via Bias-Free Convolutional Neural "
                "Networks",
                "arXiv:1906.05478",
                "Mohan et al., 2020",
            ),
            Paper(
                "Plug-and-Play Image Restoration with Deep Denoiser Prior",
                "arXiv:2008.13751",
                "Zhang et al., 2021",
            ),
            Paper(
                "GTCRN: A Speech Enhancement Network Requiring Ultralow Computational Resources",
                "10.1109/ICASSP48485.2024.10448310",
                "Rong et al., 2024",
            ),
            Paper(
                "Smarter, Better, Faster, Longer: A Modern Bidirectional Encoder",
                "arXiv:2412.13663",
                "Warner et al., 2024",
            ),
            Paper("Context Based Spelling Correction", "Mays et al., IPM 27(5), 1991"),
        ),
        published=(
            Published("DnCNN-S", "psnr_bsd68_sigma15", 31.73, DNCNN),
            Published("DnCNN-S", "psnr_bsd68_sigma25", 29.23, DNCNN),
            Published("DnCNN-S", "psnr_bsd68_sigma50", 26.23, DNCNN),
            Published("BM3D", "psnr_bsd68_sigma15", 31.07, DNCNN),
            Published("BM3D", "psnr_bsd68_sigma25", 28.57, DNCNN),
            Published("BM3D", "psnr_bsd68_sigma50", 25.62, DNCNN),
            Published(
                "VDSR", "psnr_set5_x2", 37.56, "github.com/cszn/DnCNN, README, table of SISR"
            ),
        ),
        metric_labels=(
            ("psnr_bsd68_sigma25", "PSNR, BSD68, σ 25 (photographs with noise)"),
            ("psnr_bsd68_sigma15", "PSNR, BSD68, σ 15"),
            ("psnr_bsd68_sigma50", "PSNR, BSD68, σ 50"),
            ("psnr_bsd68_sigma25_blind", "PSNR, BSD68, σ 25, level not told"),
            ("psnr_bsd68_sigma25_ensemble", "PSNR, BSD68, σ 25, mean of eight turns"),
            ("psnr_bsd68_sigma25_bm3d", "PSNR of BM3D, BSD68, σ 25"),
            ("psnr_bsd68_sigma25_non_local_means", "PSNR of non-local means, BSD68, σ 25"),
            ("psnr_set5_x2", "PSNR, Set5, twice as large"),
            ("psnr_set5_x2_bicubic", "PSNR of bicubic interpolation, Set5"),
            ("pesq_gain", "Gain in PESQ over noisy speech, unseen speakers and noises"),
            ("pesq_gain_wiener", "Gain in PESQ of a Wiener filter"),
            ("pesq_gain_noisereduce", "Gain in PESQ of noisereduce"),
            ("si_sdr_gain", "Gain in SI-SDR"),
            ("restored_word_accuracy", "Spoilt words that came back"),
            ("restored_word_accuracy_trigram", "The same of a trigram model"),
            ("digit_error_100_labels_denoising", "Error with 100 labels, denoising features"),
            ("digit_error_100_labels_plain", "Error with 100 labels, plain features"),
            ("digit_error_100_labels_raw", "Error with 100 labels, pixels"),
        ),
    )
