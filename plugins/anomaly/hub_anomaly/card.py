"""What the model card says beside its numbers."""

from hub.evaluation import Card

CARD = Card(
    title="Anomaly scoring",
    summary=(
        "Detectors of tables are learned when a table is given, in seconds: a denoising "
        "auto-encoder tells the noise that is added to rows, and a row's score is how far it lies "
        "from the nearest rows that were learned, for the place where they lie, in the "
        "auto-encoder's code and in the table itself. Two that have learned already are here: "
        "`fraud` (credit-card payments) and `intrusion` (network connections); in place of rows "
        "they hold means of five or more. Detectors of pictures: `tiles` (80x80 photographs of "
        "magnetic tiles), and one for each class of digits (`mnist_0` to `mnist_9`) and of clothes "
        "(`fashion_mnist_0` to `fashion_mnist_9`): an auto-encoder that undoes made-up defects and "
        "says where they were, and what it has seen in usual pictures. Weights are float16."
    ),
    tags=("anomaly-detection", "outlier-detection", "tabular", "image", "auto-encoder"),
    datasets=(
        (
            "tabular/creditcard_sample, honest payments, of the ULB transactions of September 2013",
            "no licence is stated where it was read",
        ),
        (
            "tabular/kddcup99, normal connections of the training file, KDD Cup 1999",
            "no licence is stated where it was read",
        ),
        (
            "images/magnetic_tile, faultless tiles, Huang et al., 2018",
            "no licence is stated; its authors welcome its use and ask to be cited",
        ),
        ("images/mnist, LeCun, Cortes and Burges", "MIT for the PNG files it was read from"),
        ("images/fashion_mnist, Zalando", "MIT"),
        ("tabular/adbench, 29 tables of ADBench (for the measurements alone)", "BSD 2-Clause"),
        ("tabular/adbench, 3_backdoor, made from UNSW-NB15 (likewise)", "GPL-3.0"),
    ),
    papers=(
        "Vincent et al., Stacked Denoising Autoencoders, JMLR 11, 3371-3408",
        "Breunig et al., LOF: Identifying Density-Based Local Outliers, SIGMOD 2000",
        "Livernoche et al., On Diffusion Modeling for Anomaly Detection, arXiv:2305.18593",
        "Han et al., ADBench: Anomaly Detection Benchmark, arXiv:2206.09426",
        "Vovk, Cross-conformal Predictors, arXiv:1208.0806",
        "Zavrtanik et al., DRAEM, arXiv:2108.07610",
        "Roth et al., Towards Total Recall in Industrial Anomaly Detection, arXiv:2106.08265",
        "Huang et al., Surface Defect Saliency of Magnetic Tile, 2018",
    ),
    limits=(
        "What is learned from should be usual rows: anomalies among them become usual. At most "
        "20,000 rows are learned from, more are drawn by chance. Long texts are left away. A score "
        "says that a row or a picture is rare, not that it is wrong. Settings of tables were "
        "chosen on every second of the 29; the others were looked at, too, while the code was "
        "written. "
        "`tiles` knows one sort of surface under one camera; photographs of one tile are never in "
        "two splits here, as they are in the splits the set came with."
    ),
)
