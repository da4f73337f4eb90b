"""LOAD: files become a pair of knowledge graphs, and these become features."""
