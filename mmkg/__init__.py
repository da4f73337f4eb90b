"""mmkg: multimodal knowledge-graph entity alignment."""

__version__ = "0.1.0"
