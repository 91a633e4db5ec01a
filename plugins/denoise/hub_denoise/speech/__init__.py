"""Speech without the noise, by a causal network that masks its spectrum, as it comes."""
