"""Features as tensors: all data that encoders, fusion, models and training read."""
