"""Names of a package that import their module when they are first asked for.

Reading a plan's doses needs no blood model, and a command should not wait for the rooms it does not enter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def loader(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
        The package's full name.
    modules : mapping of str to str
        Public name -> the module of the package that defines it. A name that is also a module's own name cannot be
        lazy: the import of that module would hide it.

    Examples
    --------
    >>> loader("lymphorisk", {"Absent": "absent"})("Absent").__name__
    'Absent'
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return find
