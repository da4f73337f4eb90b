"""Formats of links, in and out."""
