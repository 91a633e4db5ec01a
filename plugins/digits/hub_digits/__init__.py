"""Draw, walk between and complete handwritten digits."""

from hub import Demo, Paper, Published, hookimpl

BENCHMARK_VAE = "github.com/clementchadebec/benchmark_VAE, README, reproducibility table"


@hookimpl
def hub_demo() -> Demo:
    return Demo(
        name="digits",
        title="Digit generation",
        summary="Draw digits from a latent space, walk between them, and complete half of one.",
        service="hub_digits.service:Digits",
        page="hub_digits.page:page",
        train="hub_digits.train:train",
        evaluate="hub_digits.evaluate:evaluate",
        benchmark="hub_digits.benchmark:benchmark",
        card="hub_digits.card:CARD",
        headline="nll_nats",
        tags=("images", "generation", "vae"),
        papers=(
            Paper("Auto-Encoding Variational Bayes", "arXiv:1312.6114", "Kingma and Welling, 2014"),
            Paper("Ladder Variational Autoencoders", "arXiv:1602.02282", "Sønderby et al., 2016"),
            Paper("Importance Weighted Autoencoders", "arXiv:1509.00519", "Burda et al., 2016"),
            Paper(
                "Very Deep VAEs Generalize Autoregressive Models", "arXiv:2011.10650", "Child, 2021"
            ),
        ),
        published=(
            Published("VAE (pythae)", "nll_nats", 89.78, BENCHMARK_VAE),
            Published("IWAE, 50 samples (pythae)", "nll_nats", 86.82, BENCHMARK_VAE),
            Published("HVAE (pythae)", "nll_nats", 86.21, BENCHMARK_VAE),
            Published("VAMP (pythae)", "nll_nats", 85.79, BENCHMARK_VAE),
            Published(
                "PixelCNN", "nll_nats", 81.30, "van den Oord et al., arXiv:1601.06759, table 4"
            ),
            Published(
                "PixelRNN", "nll_nats", 79.20, "van den Oord et al., arXiv:1601.06759, table 4"
            ),
            Published(
                "LVAE, 3 layers", "nll_nats", 79.24, "github.com/addtt/ladder-vae-pytorch, README"
            ),
            Published(
                "LVAE, 12 layers", "nll_nats", 78.30, "github.com/addtt/ladder-vae-pytorch, README"
            ),
        ),
        metric_labels=(
            ("nll_nats", "Negative log-likelihood (binarized MNIST)"),
            ("elbo_nats", "Negative ELBO (binarized MNIST)"),
            ("bits_per_dim", "Bits per dimension (grey MNIST)"),
            ("frechet_distance", "Fréchet distance (classifier features)"),
            ("precision", "Precision of samples"),
            ("recall", "Recall of samples"),
            ("agreement", "Classifier agrees with the asked digit"),
            ("agreement_at_temperature_1", "The same, drawn at temperature 1"),
            ("classifier_accuracy", "Classifier accuracy"),
        ),
    )
