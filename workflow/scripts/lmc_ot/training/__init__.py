"""Training networks: training loop, schedule, optimisers, snapshots, evaluation, device."""
