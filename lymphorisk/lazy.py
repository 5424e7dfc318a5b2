"""Names of a package that import their module when they are first asked for.

Reading a plan's doses needs no blood model, and a command should not wait for the rooms it does not enter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inspect import Signature


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


def verbs(package: str, doors: Mapping[str, str]) -> None:
    """Let rooms that share their name with a public function be called like it.

    ``lymphorisk.train`` is the function until the room of that name is imported, and the room from then on: the
    import puts it in the package. Called, the room does what the function does.

    Parameters
    ----------
    package : str
        The package's full name.
    doors : mapping of str to str
        Name of the room and of the function -> the module of the package that defines the function.
    """
    find = loader(package, doors)

    class Package(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            if name in doors and isinstance(value, ModuleType):
                value.__class__ = _room(name, find)
            super().__setattr__(name, value)

    sys.modules[package].__class__ = Package


def _room(name: str, find: Callable[[str], Any]) -> type[ModuleType]:
    class Room(ModuleType):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return find(name)(*args, **kwargs)

        @property
        def __signature__(self) -> Signature:
            from inspect import signature

            return signature(find(name))

    return Room
