"""The built page of a run, one file that holds its script and styles; its source is in ``tools/page/``."""
