"""RESULT: embeddings, figures and matches of a run."""
