"""Is this example like what was seen before, or not? Tables and pictures."""

from hub import Demo, Paper, Published, hookimpl

DTE = (
    "github.com/vicliv/DTE, README, table of the semi-supervised setting: mean of the 29 sets here"
)
MORE_ROWS = "learned from up to 25,000 rows of a set; ours from 10,000"
TABLE = "29 tables of ADBench"


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="anomaly",
        title="Anomaly scoring",
        summary="Bring a table or a picture, and see what is unlike the others in it, and why.",
        service="hub_anomaly.service:Anomaly",
        page="hub_anomaly.page:page",
        train="hub_anomaly.train:train",
        evaluate="hub_anomaly.evaluate:evaluate",
        benchmark="hub_anomaly.benchmark:benchmark",
        card="hub_anomaly.card:CARD",
        headline="auroc_mean",
        tags=("tables", "images", "anomaly detection", "denoising auto-encoder"),
        papers=(
            Paper(
                "Stacked Denoising Autoencoders: Learning Useful Representations in a Deep Network "
                "with a Local Denoising Criterion",
                "JMLR 11, 3371–3408",
                "Vincent et al., 2010",
            ),
            Paper(
                "On Diffusion Modeling for Anomaly Detection",
                "arXiv:2305.18593",
                "Livernoche et al., 2024",
            ),
            Paper(
                "ADBench: Anomaly Detection Benchmark",
                "arXiv:2206.09426",
                "Han et al., 2022",
            ),
            Paper(
                "LOF: Identifying Density-Based Local Outliers",
                "10.1145/342009.335388",
                "Breunig et al., 2000",
            ),
            Paper(
                "DRAEM: A Discriminatively Trained Reconstruction Embedding for Surface Anomaly "
                "Detection",
                "arXiv:2108.07610",
                "Zavrtanik et al., 2021",
            ),
            Paper(
                "Towards Total Recall in Industrial Anomaly Detection",
                "arXiv:2106.08265",
                "Roth et al., 2022",
            ),
        ),
        published=tuple(
            Published(system, "auroc_mean_published_split", value, DTE, MORE_ROWS)
            for system, value in (
                ("DTE-NP", 89.74),
                ("kNN", 89.64),
                ("DTE-C", 87.77),
                ("LOF", 86.25),
                ("DDPM", 86.03),
                ("OCSVM", 85.67),
                ("IForest", 85.30),
                ("VAE", 84.31),
                ("ICL", 83.98),
                ("PCA", 83.40),
            )
        ),
        metric_labels=(
            ("auroc_mean", f"AUROC, mean of {TABLE}"),
            ("auroc_mean_best_peer", "AUROC of the best other detector, same tables"),
            ("auroc_mean_input", "AUROC of the same score without the network"),
            ("auroc_mean_autoencoder", "AUROC of PyOD's AutoEncoder"),
            ("auroc_mean_reconstruction", "AUROC of the reconstruction error alone"),
            ("ap_mean", f"Average precision, mean of {TABLE}"),
            ("ap_mean_best_peer", "Average precision of the best other detector"),
            ("ap_mean_input", "Average precision without the network"),
            ("ap_mean_autoencoder", "Average precision of PyOD's AutoEncoder"),
            ("ap_mean_reconstruction", "Average precision of the reconstruction error alone"),
            ("mean_rank", "Mean rank among all detectors, 1 is best"),
            ("mean_rank_best_peer", "Mean rank of the best other detector"),
            ("auroc_mean_other_half", "AUROC, the tables that no setting was chosen on"),
            ("ap_mean_other_half", "Average precision, the same tables"),
            ("auroc_mean_published_split", "AUROC, the split of published tables"),
            (
                "auroc_mean_published_split_best_peer",
                "AUROC of the best other detector, that split",
            ),
            ("auroc_fraud", "AUROC, credit-card fraud"),
            ("auroc_intrusion", "AUROC, network intrusion"),
            ("auroc_tiles", "AUROC, faulty magnetic tiles"),
            ("auroc_tiles_pca", "AUROC of a PCA reconstruction, tiles"),
            ("auroc_tiles_knn", "AUROC of nearest patches, tiles"),
            ("auroc_tiles_pixels", "AUROC per pixel, where tiles are faulty"),
            ("auroc_tiles_pca_pixels", "AUROC per pixel of a PCA reconstruction"),
            ("auroc_tiles_knn_pixels", "AUROC per pixel of nearest patches"),
            ("auroc_mnist", "AUROC, one digit against the others, mean of ten"),
            ("auroc_mnist_knn", "AUROC of nearest pictures, digits"),
            ("auroc_fashion_mnist", "AUROC, one sort of clothes against the others, mean of ten"),
            ("auroc_fashion_mnist_knn", "AUROC of nearest pictures, clothes"),
        ),
    )
