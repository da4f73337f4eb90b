"""Formats of graphs and pairs, in and out."""
