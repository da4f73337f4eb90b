"""DUPLICATES: entities of one graph that are the same: candidate pairs, comparisons, evidence, clusters."""
