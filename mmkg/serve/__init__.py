"""A run as a web page and an HTTP API, for one machine or behind a token."""
