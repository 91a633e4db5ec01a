"""Find where a spoken word is said in recordings, by sound alone."""

from hub import Demo, Paper, Published, hookimpl

BUCKEYE = "github.com/kamperh/recipe_bucktsong_awe_py3, README"
BUCKEYE_NOTE = "words of Buckeye English: compare the order of the systems, not the numbers"


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="search",
        title="Spoken term search",
        summary="Say a word, and find where it is said in recordings: by its sound, without text.",
        service="hub_search.service:Search",
        page="hub_search.page:page",
        train="hub_search.train:train",
        evaluate="hub_search.evaluate:evaluate",
        benchmark="hub_search.benchmark:benchmark",
        card="hub_search.card:CARD",
        headline="map",
        tags=("speech", "retrieval", "sequence auto-encoder"),
        papers=(
            Paper(
                "Audio Word2Vec: Unsupervised Learning of Audio Segment Representations using "
                "Sequence-to-sequence Autoencoder",
                "arXiv:1603.00982",
                "Chung et al., 2016",
            ),
            Paper(
                "Truly unsupervised acoustic word embeddings using weak top-down constraints in "
                "encoder-decoder models",
                "arXiv:1811.00403",
                "Kamper, 2019",
            ),
            Paper(
                "A Simple Framework for Contrastive Learning of Visual Representations",
                "arXiv:2002.05709",
                "Chen et al., 2020",
            ),
        ),
        published=(
            Published("DTW on MFCC", "ap", 0.390, BUCKEYE, BUCKEYE_NOTE),
            Published("AE-RNN", "ap", 0.243, BUCKEYE, BUCKEYE_NOTE),
            Published("CAE-RNN, discovered pairs", "ap", 0.327, BUCKEYE, BUCKEYE_NOTE),
            Published("CAE-RNN, true pairs", "ap", 0.521, BUCKEYE, BUCKEYE_NOTE),
            Published("Siamese network, true pairs", "ap", 0.642, BUCKEYE, BUCKEYE_NOTE),
        ),
        metric_labels=(
            ("map", "Mean average precision (words of unseen speakers)"),
            ("ap", "Same-different average precision"),
            ("map_dtw", "Mean average precision of DTW, tuned"),
            ("ap_dtw", "Average precision of DTW, tuned"),
            ("map_sa", "Mean average precision of the sequence auto-encoder"),
            ("map_dsa", "Mean average precision of the de-noising one"),
            ("map_cae_discovered", "Mean average precision of the correspondence one, found pairs"),
            ("map_true_pairs", "Mean average precision with true pairs"),
        ),
    )
