"""ENCODE, first half: what a task holds becomes features of each modality."""
