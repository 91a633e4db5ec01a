"""What the model card says beside its numbers."""

from hub.evaluation import Card

CARD = Card(
    title="Anomaly scoring",
    summary=(
        "Detectors of tables are learned when a table is given, in seconds, so nothing of them is "
        "in the checkpoint: a denoising auto-encoder tells the noise that is added to rows, and a "
        "row's score is how far it lies from the nearest rows that were learned, for the place "
        "where they lie, in the auto-encoder's code and in the table itself."
    ),
    tags=("anomaly-detection", "outlier-detection", "tabular", "auto-encoder"),
    datasets=(
        ("tabular/adbench, 29 tables of ADBench (for the measurements alone)", "BSD 2-Clause"),
        ("tabular/adbench, 3_backdoor, made from UNSW-NB15 (likewise)", "GPL-3.0"),
    ),
    papers=(
        "Vincent et al., Stacked Denoising Autoencoders, JMLR 11, 3371-3408",
        "Breunig et al., LOF: Identifying Density-Based Local Outliers, SIGMOD 2000",
        "Livernoche et al., On Diffusion Modeling for Anomaly Detection, arXiv:2305.18593",
        "Han et al., ADBench: Anomaly Detection Benchmark, arXiv:2206.09426",
        "Vovk, Cross-conformal Predictors, arXiv:1208.0806",
    ),
    limits=(
        "What is learned from should be usual rows: anomalies among them become usual. At most "
        "20,000 rows are learned from, more are drawn by chance. Long texts are left away. A score "
        "says that a row is rare, not that it is wrong."
    ),
)
