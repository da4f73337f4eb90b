"""COMMAND LINE: each sub-command reads options, calls the library and prints the result."""
