"""What encoders, fusion and models read."""
