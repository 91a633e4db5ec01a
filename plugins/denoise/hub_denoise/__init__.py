"""Corrupt what is clean, and get it back: pictures, speech, text."""
