"""LEARN: from links to embeddings of all entities."""
