"""Sentiment data from files."""
