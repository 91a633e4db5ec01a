"""Is this example like what was seen before, or not? Tables."""

from hub import Demo, Paper, hookimpl


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="anomaly",
        title="Anomaly scoring",
        summary="Bring a table, and see which of its rows are unlike the others, and why.",
        service="hub_anomaly.service:Anomaly",
        page="hub_anomaly.page:page",
        evaluate="hub_anomaly.evaluate:evaluate",
        benchmark="hub_anomaly.benchmark:benchmark",
        card="hub_anomaly.card:CARD",
        headline="auroc_mean",
        tags=("tables", "anomaly detection", "denoising auto-encoder"),
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
        ),
        metric_labels=(
            ("auroc_mean", "AUROC, mean of 29 tables of ADBench"),
            ("ap_mean", "Average precision, mean of 29 tables of ADBench"),
            ("auroc_mean_best_peer", "AUROC of the best other detector, same tables"),
            ("ap_mean_best_peer", "Average precision of the best other detector"),
            ("auroc_mean_published_split", "AUROC, the split of published tables"),
            ("mean_rank", "Mean rank among all detectors, 1 is best"),
            ("mean_rank_best_peer", "Mean rank of the best other detector"),
            ("auroc_mean_other_half", "AUROC, the tables that no setting was chosen on"),
            ("ap_mean_input", "Average precision of the same score without the network"),
            ("auroc_mean_reconstruction", "AUROC of the reconstruction error alone"),
        ),
    )
