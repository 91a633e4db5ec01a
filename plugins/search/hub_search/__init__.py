"""Find where a spoken word is said in recordings, by sound alone."""

from hub import Demo, Paper, hookimpl


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
        metric_labels=(
            ("map", "Mean average precision (MAP): words of unseen speakers"),
            ("map_aligned", "MAP with what the vectors find aligned again, as searches do"),
            ("map_dtw", "MAP of dynamic time warping, tuned"),
            ("map_true_pairs", "MAP of the contrastive encoder, true pairs"),
            ("map_cae_discovered", "MAP of the correspondence auto-encoder, found pairs"),
            ("map_cae_true_pairs", "MAP of the correspondence auto-encoder, true pairs"),
            ("map_dsa", "MAP of the de-noising sequence auto-encoder"),
            ("map_sa", "MAP of the sequence auto-encoder"),
            ("map_downsampled_mfcc", "MAP of downsampled MFCC"),
            ("map_minus_dtw", "Gain in MAP over dynamic time warping"),
            ("ap", "Same-different average precision (AP)"),
            ("ap_aligned", "AP with the vectors' cosine and the alignment's cost together"),
            ("ap_dtw", "AP of dynamic time warping, tuned"),
            ("qbe_map", "MAP in continuous recordings"),
            ("qbe_map_aligned", "MAP in continuous recordings, aligned again, as searches do"),
            ("qbe_map_dtw", "MAP of dynamic time warping in continuous recordings"),
            ("qbe_false_alarms_per_hour", "False alarms an hour, half of the words found"),
        ),
    )
