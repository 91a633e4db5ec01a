"""What the model card says beside its numbers."""

from hub.evaluation import Card

CARD = Card(
    title="Digit generation",
    summary=(
        "Three networks in one checkpoint: `binary`, a hierarchical variational auto-encoder of "
        "binarized MNIST, by which the likelihood that papers report is measured; `grey`, the same "
        "of MNIST's 256 grey levels, conditional on the digit or on none, from which the pages "
        "draw; and `classifier`, which judges what `grey` draws. Weights are float16."
    ),
    tags=("vae", "hierarchical-vae", "mnist", "image-generation"),
    datasets=(
        ("images/binarized_mnist, the fixed binarization of Larochelle and Murray (2011)", "MIT"),
        ("images/mnist, LeCun, Cortes and Burges", "MIT for the PNG files it was read from"),
    ),
    papers=(
        "Sønderby et al., Ladder Variational Autoencoders, arXiv:1602.02282",
        "Child, Very Deep VAEs Generalize Autoregressive Models, arXiv:2011.10650",
        "Burda et al., Importance Weighted Autoencoders, arXiv:1509.00519",
    ),
    limits=(
        "Trained on 28x28 digits of American writers, centred by mass: another alphabet, two "
        "digits at once, or a digit in a corner is far from all it has seen."
    ),
)
