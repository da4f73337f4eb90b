"""Arrays of features in files."""
