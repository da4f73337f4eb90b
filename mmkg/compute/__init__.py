"""COMPUTE: devices, seeds, matrix products."""
