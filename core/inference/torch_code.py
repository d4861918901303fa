"""A network, or a part of it, as PyTorch code that stands alone."""

import inspect
import textwrap
from types import FunctionType, NoneType

from torch import nn

HEAD = """import torch
from torch import Tensor, nn
from torch.nn import functional as F
"""
INDENT = "    "
PLAIN = (bool, int, float, str, tuple, NoneType)
"""Types of attributes that can be written down."""


def torch_code(module: nn.Module) -> str:
    """Return code that builds the module, with other weights, as `model`.

    Layers of PyTorch are called with their settings; of other modules the code has the class, whose
    parts are given to it by their names, and what it computes stands as it is written here.
    """
    kinds: dict[str, type[nn.Module]] = {}
    built = _built(module, kinds)
    classes = [_class(kind) for kind in kinds.values()]
    return "\n\n".join([HEAD, *classes, f"model = {built}\n"])


def _built(module: nn.Module, kinds: dict[str, type[nn.Module]]) -> str:
    """The expression that builds a module; other kinds than PyTorch's are noted."""
    kind = type(module)
    if kind in (nn.Sequential, nn.ModuleList):
        parts = [_built(child, kinds) for child in module.children()]
        if kind is nn.ModuleList:
            return f"nn.ModuleList([{_listed(parts)}])"
        return f"nn.Sequential({_listed(parts)})"
    if kind.__module__.startswith("torch.nn."):
        return f"nn.{kind.__name__}({', '.join(_arguments(module))})"
    parts = [f"{name}={value!r}" for name, value in _settings(module).items()]
    parts += [
        f"{name}={'None' if child is None else _built(child, kinds)}"
        for name, child in module._modules.items()
    ]
    kinds[kind.__name__] = kind
    return f"{kind.__name__}({_listed(parts)})"


def _arguments(module: nn.Module) -> list[str]:
    """What a layer of PyTorch is called with, without what it would have by itself."""
    arguments = []
    for name, parameter in inspect.signature(type(module)).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue  # what an identity takes and forgets
        value = getattr(module, name, parameter.default)
        if name == "bias":  # weights, or None
            value = value is not None
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if parameter.default is parameter.empty:
            arguments.append(repr(value))
        elif value != parameter.default and name not in ("device", "dtype"):
            arguments.append(f"{name}={value!r}")
    return arguments


def _listed(parts: list[str]) -> str:
    """Parts of a call, a line each."""
    if not parts:
        return ""
    return "\n" + textwrap.indent(",\n".join(parts), INDENT) + ",\n"


def _settings(module: nn.Module) -> dict[str, object]:
    """The attributes that a module of ours keeps beside its parts."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and name != "training" and isinstance(value, PLAIN)
    }


def _class(kind: type[nn.Module]) -> str:
    """A class with its methods as they are written, and its parts given by their names."""
    lines = [f"class {kind.__name__}(nn.Module):"]
    if kind.__doc__:
        doc = inspect.cleandoc(kind.__doc__).partition("\n\nArgs:")[0]
        lines.append(textwrap.indent(f'"""{doc}"""\n', INDENT))
    lines.append(
        textwrap.indent(
            "def __init__(self, **parts):\n"
            "    super().__init__()\n"
            "    for name, part in parts.items():\n"
            "        setattr(self, name, part)\n",
            INDENT,
        )
    )
    for name, member in vars(kind).items():
        function = member.fget if isinstance(member, property) else member
        if isinstance(function, FunctionType) and name != "__init__":
            source = textwrap.dedent(inspect.getsource(function))
            lines.append(textwrap.indent(source, INDENT))
    return "\n".join(lines)
