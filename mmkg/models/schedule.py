"""The training schedule of MCLEA, which EVA and ``combined`` take too."""

TRAINING = {  # of the official code; the learning rate is the default of TrainingConfig
    "epochs": 500,
    "batch_size": 0,
    "weight_decay": 1e-2,
    "schedule": "constant",
    "warmup": 0.0,
    "clip_norm": 0.0,
}
