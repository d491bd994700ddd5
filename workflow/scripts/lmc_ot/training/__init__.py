"""Training networks: training loop, schedule, optimisers, snapshots, losses, evaluation, device."""
