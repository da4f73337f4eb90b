"""Pictures become features."""
