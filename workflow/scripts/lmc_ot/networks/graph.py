"""The exported graph of a module, which can be run up to some of its values."""

from collections.abc import Collection, Mapping

import torch

from .groups.derive import first_names
from .groups.group import INPUT
from .groups.trace import export


class Graph:
    """A module's operations, run in part, with the parameters of any network.

    A module that reads the size of the batch as a number is exported again for every size.

    Parameters
    ----------
    module
        In evaluation mode it computes what the graph computes.
    example
        A batch of at least two inputs.
    device
        Where the graph is run.

    Raises
    ------
    UserError
        The module cannot be exported.
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
        wanted
            Names of values.
        known
            Values that are not computed again; the network's input, which is needed, is `INPUT`.
        """
        size, any_program = len(known[INPUT]), next(iter(self._programs.values()))
        if size not in self._programs:
            self._programs[size] = (
                any_program if any_program.any_batch else self._export(known[INPUT])
            )
        return self._programs[size].run(parameters, wanted, known)


class _Program:
    """The graph of one export."""

    def __init__(self, module: torch.nn.Module, example: torch.Tensor, device: torch.device):
        program = export(module, (example,))
        if device.type != "cpu":
            program = torch.export.passes.move_to_device_pass(program, str(device))
        self._module = program.graph_module
        self._order = {node: i for i, node in enumerate(program.graph.nodes)}
        self._nodes = {node.name: node for node in program.graph.nodes}
        signature, first = program.graph_signature, first_names(module)
        named = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self._parameters = {node: first.get(name, name) for node, name in named.items()}
        constants = named | signature.inputs_to_lifted_tensor_constants
        state = {**program.constants, **program.state_dict}
        self._constants = {node: state[name] for node, name in constants.items()}
        for node in program.graph.nodes:
            if node.op == "placeholder" and node.name not in constants:
                self._nodes[INPUT] = node
        size = self._nodes[INPUT].meta["val"].shape[0]
        self.any_batch = isinstance(size, torch.SymInt) and size.node.maybe_as_int() is None

    @torch.no_grad()
    def run(self, parameters, wanted, known) -> dict[str, torch.Tensor]:
        """See `Graph.run`."""
        values = {self._nodes[name]: tensor for name, tensor in known.items()}
        kept = {self._nodes[name] for name in wanted}
        for node in self._needed(kept, values):
            values[node] = self._value(node, parameters, values, kept)
        return {name: values[self._nodes[name]] for name in wanted}

    def _needed(self, wanted: Collection[torch.fx.Node], known: Collection) -> list[torch.fx.Node]:
        """The nodes to compute, in order."""
        found, waiting = set(), [node for node in wanted if node not in known]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [n for n in node.all_input_nodes if n not in known]
        return sorted(found, key=self._order.__getitem__)

    def _value(self, node: torch.fx.Node, parameters, values: dict, kept: Collection):
        if node.op == "placeholder":
            name = self._parameters.get(node.name)
            return parameters[name] if name in parameters else self._constants[node.name]
        if node.op == "get_attr":
            return getattr(self._module, node.target)
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
        schema = getattr(node.target, "_schema", None)
        if schema is not None and schema.is_mutable and (node.args[0] in kept):
            args = (args[0].clone(), *args[1:])
        return node.target(*args, **kwargs)
