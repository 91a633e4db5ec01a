"""Rows of tables: a denoising auto-encoder, distances in its code, and data sets to measure on."""
