"""SOURCES: embedded, synthetic and public pairs of graphs."""
