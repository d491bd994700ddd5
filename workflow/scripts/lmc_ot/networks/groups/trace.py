"""Export a module, and walk its graph: every operation tells `Ids` what it does to the units.

No specification of the network is needed: `torch.export` gives the operations that it runs, with
its parameters as inputs of the graph. The walk runs them once more on an example, operation by
operation, with the labels of every value beside its numbers.
"""

import io
import logging
import operator
import traceback
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from torch.export import Dim, ExportedProgram

from ...errors import UserError, one_line
from . import rules
from .ids import FIXED, Ids, NoRule, thin
from .operations import Operations
from .values import Call, Rule, Source, Value, find, leaves, name_of, substitute

# In-place operations that do not change anything in evaluation mode.
_IDLE = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", "detach")
_SIZES = ("sym_", "_assert")


def export(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> ExportedProgram:
    """The graph of a module, for any batch size (the first axis of inputs) where that is possible.

    Raises UserError with what torch said, where in the user's file, and what can be done.
    """
    batch = tuple({0: Dim.AUTO} if t.ndim else None for t in inputs)
    with evaluating(module), _quiet():
        try:
            program = torch.export.export(module, inputs, dynamic_shapes=batch)
        except Exception as error:
            program = _draft(module, inputs, error)
        return _decomposed(program)


def _draft(module, inputs, error: Exception) -> ExportedProgram:
    """What `draft_export` gives where `export` fails: it runs the module with real numbers."""
    try:
        return torch.export.draft_export(module, inputs)
    except Exception:
        name = type(module).__name__
        said = one_line(str(error).strip().split("\n\n")[0], 160)
        remedy = "check the shape of the input, or rewrite that line with torch operations"
        raise UserError(f"{name} cannot be exported: {_place(error)}{said}: {remedy}") from error


def _place(error: BaseException) -> str:
    """The last line outside of torch that led to an error, as ``file:line: ``."""
    found = ""
    while error is not None:
        for frame, line in traceback.walk_tb(error.__traceback__):
            file = frame.f_code.co_filename
            if "/torch/" not in file and "/networks/groups/" not in file:
                found = f"{file}:{line}: "
        error = error.__cause__
    return found


def _decomposed(program: ExportedProgram) -> ExportedProgram:
    """Composites without a rule are taken apart, and in-place operations rewritten, if needed.

    An in-place operation is harmless if what it overwrites was computed for it alone.
    """
    table, torn = torch.export.default_decompositions(), {}
    live, overwrites = set(), False
    for node in program.graph.nodes:
        if node.op == "placeholder" or live.intersection(node.all_input_nodes):
            live.add(node)
        if node not in live or node.op != "call_function":
            continue
        rule, name = find(node.target), name_of(node.target)
        mutable = getattr(getattr(node.target, "_schema", None), "is_mutable", False)
        constant = rule is not None and rule.function is rules.moves.constant and not mutable
        if constant or name.startswith(_SIZES):
            live.remove(node)
            continue
        if mutable and name not in _IDLE:
            overwrites |= not _computed_for(node.args[0], node)
        if rule is None and node.target in table:
            torn[node.target] = table[node.target]
    return program.run_decompositions(torn) if torn or overwrites else program


def _computed_for(value: torch.fx.Node, user: torch.fx.Node) -> bool:
    """Whether nothing else reads a value, or shares its memory."""
    target = value.target
    shares = target is operator.getitem or getattr(target, "is_view", False)
    shares = shares or value.op != "call_function" or name_of(target) in _IDLE
    return set(value.users) == {user} and not shares


def names_of(program: ExportedProgram) -> dict[str, str]:
    """Placeholder -> name of the parameter, buffer or constant; the network's inputs have none."""
    signature = program.graph_signature
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    return names | signature.inputs_to_lifted_tensor_constants


class Walk:
    """One pass over the graph, which fills `ids` and `operations`.

    `names` maps names of parameters in the program to those in the ids, where they differ.
    `unknown` holds (operation, module that ran it, reason) of operations that no rule describes.
    """

    def __init__(
        self, program: ExportedProgram, inputs: tuple[torch.Tensor, ...], names: dict[str, str]
    ):
        self.program, self.names = program, names
        self.ids = Ids()
        self.operations = Operations()
        self.unknown: list[tuple[str, str, str]] = []
        with torch.no_grad():
            found = self._run(program.graph_module, self._placeholders(inputs))
        self.ids.operation += 1
        self.ids.reasons[self.ids.operation] = "the network's output"
        for value in leaves(found):
            if isinstance(value, Value) and not value.constant:
                call = Call(self.ids, "output", None, (value,), {}, value.data)
                self.ids.fix(call.labels(value))

    def _placeholders(self, inputs) -> list[Value]:
        names, state = names_of(self.program), self.program.state_dict
        remaining, values = iter(inputs), []
        for node in self.program.graph.nodes:
            if node.op != "placeholder":
                continue
            name = names.get(node.name)
            if name is None:
                example = next(remaining)
                values.append(Value(example.clone(), _fixed(example)))
                self.operations.input(node, values[-1])
            elif name in state:
                tensor = state[name].detach()
                source = Source(self.names.get(name, name), tensor.shape)
                values.append(Value(tensor, source=source if tensor.is_floating_point() else None))
            else:
                values.append(Value(self.program.constants[name]))
        return values

    def _run(self, graph_module, placeholders: list):
        """The outputs of a graph."""
        values, remaining = {}, iter(placeholders)
        last = {node: user for user in graph_module.graph.nodes for node in user.all_input_nodes}
        for node in graph_module.graph.nodes:
            if node.op == "placeholder":
                values[node] = next(remaining)
            elif node.op == "get_attr":
                found = operator.attrgetter(node.target)(graph_module)
                values[node] = Value(found) if isinstance(found, torch.Tensor) else found
            else:
                args, kwargs = torch.fx.map_arg((node.args, node.kwargs), values.__getitem__)
                if node.op == "output":
                    return args[0]
                values[node] = self._call(node, args, kwargs)
            for read in node.all_input_nodes:
                if last[read] is node:
                    del values[read]
        return None

    def _call(self, node: torch.fx.Node, args: tuple, kwargs: dict):
        """What an operation returns, with labels."""
        target = node.target
        if target is operator.getitem:
            return args[0][args[1]]
        name = name_of(target)
        if name.startswith("wrap_with"):  # a part of the graph, under no_grad or autocast
            at = next(i for i, arg in enumerate(args) if isinstance(arg, torch.nn.Module))
            return self._run(args[at], list(args[at + 1 :]))
        self.ids.operation += 1
        tensors, named = substitute(lambda value: value.data, (args, kwargs))
        output = target(*tensors, **named)
        used = {u.args[1] for u in node.users if u.target is operator.getitem}
        call = Call(self.ids, name, target, args, kwargs, output, used)
        if not call.live:
            return substitute(Value, output, torch.Tensor)
        if not any(isinstance(t, torch.Tensor) for t in leaves(output)):
            if not name.startswith(_SIZES) and output is not None:
                call.freezes(f"{name}: it becomes a number")
            return output
        try:
            rule = find(target)
            found = self._labelled(call, rule)
            self.operations.operation(node, call, rule.moves, found)
            return found
        except Exception as error:
            known = isinstance(error, NoRule)
            reason = str(error) if known else f"{type(error).__name__}: {one_line(error, 100)}"
            stack = list((node.meta.get("nn_module_stack") or {}).values())
            self.unknown.append((name, stack[-1][0] if stack else "", reason))
            call.freezes(f"{name}: {reason}")
            return substitute(lambda t: Value(t, _fixed(t)), output, torch.Tensor)

    def _labelled(self, call: Call, rule: Rule | None):
        """The output of an operation, as its rule says."""
        if rule is None:
            raise NoRule("an operation without a rule")
        if not rule.moves:
            for operand, value in enumerate(call.live):
                if value.labels is not None or value.data.ndim < 2:
                    self.ids.mark(operand, call.labels(value))
        found = rule.function(call)
        if isinstance(found, (Value, list)):
            return found
        if isinstance(call.output, torch.Tensor):
            return Value(call.output, thin(found.expand(call.output.shape)))
        fits = [t is not None and t.shape == call.out.shape for t in call.output]
        if any(i and not fits[i] for i in call.used):
            raise NoRule("an output of it has no rule")
        labels = thin(found.expand(call.out.shape))
        pairs = zip(call.output, fits, strict=True)
        return [Value(tensor, labels) if fit else None for tensor, fit in pairs]


def _fixed(tensor: torch.Tensor) -> torch.Tensor:
    """Labels of what does not belong to a unit."""
    return torch.tensor(FIXED).expand(tensor.shape)


@contextmanager
def evaluating(module: torch.nn.Module):
    """A module in evaluation mode; each of its parts is as before afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextmanager
def _quiet():
    """Without what torch logs, warns of and prints while it exports."""
    before, unread = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(unread), redirect_stderr(unread):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
