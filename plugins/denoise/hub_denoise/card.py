"""What the model card says beside its numbers."""

from hub.evaluation import Card

CARD = Card(
    title="Denoising",
    summary=(
        "Denoising auto-encoders in one checkpoint. For pictures: `grey`, a bias-free U-Net that "
        "removes noise of any level, told or not; `upscale`, the same network that puts detail "
        "into pictures doubled bicubically; `digits`, a small auto-encoder of 28x28 pictures "
        "spoilt in six ways; and where it was trained `colour`, of photographs in colour, whose "
        "luminance and colour differences go to `grey` otherwise. "
        "`speech` masks the spectrum of noisy speech as it comes. `text`, a masked language model "
        "with its vocabulary, multiplied with pruned counts of word triples and with a model of "
        "slips, restores hidden and misspelt words. Weights are rounded by row, to 127 steps on "
        "either side of 0 for photographs, 63 for text, 31 for digits; those of `speech` are "
        "float16."
    ),
    tags=("denoising", "super-resolution", "speech-enhancement", "fill-mask", "auto-encoder"),
    datasets=(
        (
            "images/denoising, Train400 of Chen and Pock, by DnCNN's authors",
            "no licence is stated; made of the Berkeley Segmentation Dataset, for research",
        ),
        ("images/mnist, LeCun, Cortes and Burges", "MIT for the PNG files it was read from"),
        ("images/fashion_mnist, Zalando", "MIT"),
        (
            "astronaut, chelsea and coffee of scikit-image (of `colour` alone)",
            "public domain and CC0",
        ),
        ("speech/librispeech_excerpt, train", "CC BY 4.0"),
        (
            "speech/speechocean762_adults, train",
            "free for commercial and non-commercial use, says its README; CC BY 4.0 at OpenSLR",
        ),
        ("speech/dspspeech20, train", "MIT"),
        ("speech/speech_commands, train, and its background noises", "CC BY 4.0"),
        (
            "text/news_en, documents and headlines of the training",
            "for research; the texts belong to their publishers",
        ),
    ),
    papers=(
        "Vincent et al., Extracting and Composing Robust Features with Denoising Autoencoders, "
        "ICML 2008",
        "Mohan et al., Robust and Interpretable Blind Image Denoising, arXiv:1906.05478",
        "Zhang et al., Plug-and-Play Image Restoration with Deep Denoiser Prior, arXiv:2008.13751",
        "Rong et al., GTCRN, ICASSP 2024",
        "Shin et al., Fast and Accurate Deep Bidirectional Language Representations for "
        "Unsupervised Learning, arXiv:2004.08097",
        "Chen and Goodman, An Empirical Study of Smoothing Techniques for Language Modeling, 1999",
    ),
    limits=(
        "Photographs: white Gaussian noise is what was trained on; JPEG's blocks, blurs and the "
        "structured noise of sensors are not removed as well. Digits: 28x28, light on dark. "
        "Speech: what is above 8 kHz is not in the answer, clipping and reverberation are not "
        "mended. Text: English news, with the words that are frequent there."
    ),
)
