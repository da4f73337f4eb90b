"""Settings of the runs that tests compare: many checkpoints, and few modalities."""

SETTINGS = {
    "model": "mclea",
    "training": {"epochs": 40, "checkpoint_seconds": 0.0, "eval_every": 10},
    "features": {"modalities": ["structure", "name"]},
}
