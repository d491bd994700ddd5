"""The exported graph of a module, which can be run up to some of its values."""

from collections.abc import Collection, Mapping

import torch

from .groups.derive import first_names
from .groups.group import INPUT
from .groups.trace import export, names_of


class Graph:
    """A module's operations, run in part on a device, with the parameters of any network.

    A module that reads the size of the batch as a number is exported again for every size. In
    evaluation mode the module computes what the graph computes. The example is a batch of at least
    two inputs. Raises UserError if the module cannot be exported.
    """

    def __init__(
        self, module: torch.nn.Module, example: torch.Tensor, device: torch.device | str = "cpu"
    ):
        self._export = lambda inputs: _Program(module, inputs.cpu(), torch.device(device))
        self._programs = {len(example): self._export(example)}

    def run(
        self,
        parameters: Mapping[str, torch.Tensor],
        wanted: Collection[str],
        known: Mapping[str, torch.Tensor],
    ) -> dict[str, torch.Tensor]:
        """Return some values of the graph; nothing is computed that they do not need.

        Parameters
        ----------
        parameters
            A network, by the names of its state dict. What it lacks is as in the module.
        wanted, known
            Names of values to return, and values that are not computed again, among them the input,
            `INPUT`.
        """
        size, first = len(known[INPUT]), next(iter(self._programs.values()))
        if size not in self._programs:
            self._programs[size] = first if first.any_batch else self._export(known[INPUT])
        return self._programs[size].run(parameters, wanted, known)


class _Program:
    """The graph of one export."""

    def __init__(self, module: torch.nn.Module, example: torch.Tensor, device: torch.device):
        program = export(module, (example,))
        if device.type != "cpu":
            program = torch.export.passes.move_to_device_pass(program, str(device))
        self._module = program.graph_module
        self._nodes = {node.name: node for node in program.graph.nodes}
        names, first = names_of(program), first_names(module)
        state = {**program.constants, **program.state_dict}
        self._names = {node: first.get(name, name) for node, name in names.items()}
        self._state = {node: state[name] for node, name in names.items()}
        for node in program.graph.nodes:
            if node.op == "placeholder" and node.name not in names:
                self._nodes[INPUT] = node
        size = self._nodes[INPUT].meta["val"].shape[0]
        self.any_batch = isinstance(size, torch.SymInt) and size.node.maybe_as_int() is None

    @torch.no_grad()
    def run(self, parameters, wanted, known) -> dict[str, torch.Tensor]:
        """See `Graph.run`."""
        values = {self._nodes[name]: tensor for name, tensor in known.items()}
        kept = {self._nodes[name] for name in wanted}
        needed = kept - values.keys()
        for node in reversed(self._module.graph.nodes):
            if node in needed:
                needed.update(n for n in node.all_input_nodes if n not in values)
        for node in self._module.graph.nodes:
            if node in needed:
                values[node] = self._value(node, parameters, values, kept)
        return {name: values[self._nodes[name]] for name in wanted}

    def _value(self, node: torch.fx.Node, parameters, values: dict, kept: Collection):
        if node.op == "placeholder":
            name = self._names.get(node.name)
            return parameters[name] if name in parameters else self._state[node.name]
        if node.op == "get_attr":
            return getattr(self._module, node.target)
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
        schema = getattr(node.target, "_schema", None)
        if schema is not None and schema.is_mutable and (node.args[0] in kept):
            args = (args[0].clone(), *args[1:])
        return node.target(*args, **kwargs)
