"""ENCODE, first half: the data of a task become features of each modality. ``registry.FEATURES`` lists these."""
