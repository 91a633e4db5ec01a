"""What the model card says beside its numbers."""

from hub.evaluation import Card

CARD = Card(
    title="Spoken term search",
    summary=(
        "Six encoders that make a vector of a spoken segment of any length, to compare by cosine: "
        "`contrastive`, which learned from pairs of sayings that it discovered itself, without any "
        "label, and is the default; `true_pairs`, the same with pairs that alignments tell; `cae` "
        "and `cae_true_pairs`, correspondence auto-encoders of the same pairs; `dsa` and `sa`, the "
        "sequence auto-encoders of Audio Word2Vec. Weights are float16."
    ),
    tags=("speech", "acoustic-word-embeddings", "query-by-example", "auto-encoder"),
    datasets=(
        (
            "speech/speechocean762_adults, train: 88 adult learners of English",
            "free for commercial and non-commercial use, says its README; CC BY 4.0 at OpenSLR",
        ),
        ("speech/librispeech_excerpt, train: a clip of each of 227 readers", "CC BY 4.0"),
    ),
    papers=(
        "Chung et al., Audio Word2Vec, arXiv:1603.00982",
        "Kamper, Truly Unsupervised Acoustic Word Embeddings, arXiv:1811.00403",
        "Chen et al., A Simple Framework for Contrastive Learning, arXiv:2002.05709",
        "Jansen and Van Durme, Efficient Spoken Term Discovery, ASRU 2011",
    ),
    limits=(
        "Trained on 2.7 hours of read English, most of it by native speakers of Mandarin. Words of "
        "under a quarter of a second, other languages, noise and overlapping speakers are far from "
        "what it has heard. It compares sounds: homophones are the same to it."
    ),
)
