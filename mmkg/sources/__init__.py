"""SOURCES: embedded, planted and public pairs of graphs."""
