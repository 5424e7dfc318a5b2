"""A mapping that does not change, can be copied and pickled, and shows like a dict."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FrozenDict(dict[K, V]):
    """A dict that refuses every change; results hold these.

    Examples
    --------
    >>> doses = FrozenDict({"Spleen": 6.2})
    >>> doses["Spleen"] = 0.0
    Traceback (most recent call last):
    ...
    TypeError: this mapping does not change; make a dict of it
    """

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this mapping does not change; make a dict of it")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return FrozenDict, (dict(self),)
