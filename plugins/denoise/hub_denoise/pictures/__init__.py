"""Pictures: photographs with noise, photographs too small, digits corrupted in six ways."""
