"""One's own networks: their groups, a matching, the path between them, and their mean.

Networks are `torch.nn.Module`s of one architecture, or state dicts with a module of it. Data are
batches ``(inputs, targets)``, such as a `torch.utils.data.DataLoader` yields, always in the same
order; only losses need targets. These functions are those of the package: ``lmc_ot.groups``,
``lmc_ot.match``, ``lmc_ot.barrier``, ``lmc_ot.merge``.
"""
