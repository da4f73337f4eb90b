"""CONFIG: one experiment is the configurations of its parts."""
