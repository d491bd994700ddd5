"""Groups of permutable units of any `torch.nn.Module`, derived from its own graph.

`trace` exports the module and walks its graph; `rules` says what each operation does to the `ids`
of the units; `structure` and `group` make groups of them; `apply` permutes a network; `verify`
shows that its function stays the same. `report` is the command ``lmc-ot groups``.
"""
