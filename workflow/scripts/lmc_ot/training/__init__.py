"""Training networks: the loop, its schedule, optimisers, snapshots, evaluation, the device."""
