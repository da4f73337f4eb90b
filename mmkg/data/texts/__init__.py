"""Sequences of texts that are held as bytes."""
