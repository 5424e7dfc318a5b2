"""Boosted trees, asked through the C interface of XGBoost's own library.

XGBoost's Python package imports scikit-learn, pandas and scipy.stats before it says its first number: a third of the
time of a whole analysis. Asking takes a handful of functions of the library beneath, whose interface is public and
stable. The library is the same, and so is every bit of the answer; training and shap go by the package.

References
----------
XGBoost C API: https://xgboost.readthedocs.io/en/stable/c.html
"""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Callable
from functools import cache, cached_property, partial
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lymphorisk.errors import PredictorFileError

#: Kinds of prediction of the C interface.
MARGIN, CONTRIBUTIONS = 1, 2
#: Trees summed at once in single precision; sums over blocks are in double, so that rounding stays below 1e-6.
BLOCK = 4


@cache
def _library() -> ctypes.CDLL:
    """XGBoost's shared library, found by the package's own rule but without importing the package."""
    package = PathFinder.find_spec("xgboost")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'xgboost'", name="xgboost")
    place = spec_from_file_location("_xgboost_libpath", Path(package.origin).with_name("libpath.py"))
    assert place is not None
    assert place.loader is not None
    rule = module_from_spec(place)
    place.loader.exec_module(rule)
    library = ctypes.CDLL(rule.find_lib_path()[0])
    library.XGBGetLastError.restype = ctypes.c_char_p
    return library


def xgboost_version() -> str:
    """Version of the library."""
    parts = [ctypes.c_int() for _ in range(3)]
    _library().XGBoostVersion(*map(ctypes.byref, parts))
    return ".".join(str(part.value) for part in parts)


def _call(name: str, *arguments: Any) -> None:
    """Call one function of the library.

    Raises
    ------
    PredictorFileError
        The library refuses: the model is not one it can read, or not for such rows.
    """
    library = _library()
    if getattr(library, name)(*arguments) != 0:
        # the time and the place in XGBoost's source come first, a stack trace last
        said = library.XGBGetLastError().decode("utf-8", "replace").strip().splitlines()[0].partition(": ")[2]
        said = said.strip() or "it says no more"
        raise PredictorFileError(f"XGBoost {xgboost_version()} refuses the model: {said}")


def _made(owner: object, free: str, make: Callable[[Any], None]) -> ctypes.c_void_p:
    """A handle that the library frees with its owner."""
    handle = ctypes.c_void_p()
    make(ctypes.byref(handle))
    weakref.finalize(owner, getattr(_library(), free), handle)
    return handle


class _Rows:
    """Rows of features, NaN where missing, as the library holds them."""

    def __init__(self, rows: NDArray[np.float64]) -> None:
        kept = np.ascontiguousarray(rows, dtype=np.float64)
        interface = {k: v for k, v in kept.__array_interface__.items() if k in ("data", "typestr", "shape", "version")}
        data, settings = json.dumps(interface).encode(), json.dumps({"missing": float("nan"), "nthread": 1}).encode()
        self.handle = _made(self, "XGDMatrixFree", partial(_call, "XGDMatrixCreateFromDense", data, settings))


class _Booster:
    """A booster of the library that answers in one thread."""

    def __init__(self, make: Callable[[Any], None]) -> None:
        self.handle = _made(self, "XGBoosterFree", make)
        _call("XGBoosterSetParam", self.handle, b"nthread", b"1")

    def answer(self, rows: _Rows, kind: int, first: int = 0, last: int = 0) -> NDArray[np.float32]:
        """What the trees from `first` to before `last` (0: all) say, in single precision, in the library's shape."""
        how = {"type": kind, "training": False, "iteration_begin": first, "iteration_end": last, "strict_shape": False}
        shape, size = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
        values = ctypes.POINTER(ctypes.c_float)()
        into = map(ctypes.byref, (shape, size, values))
        _call("XGBoosterPredictFromDMatrix", self.handle, rows.handle, json.dumps(how).encode(), *into)
        # the library keeps the memory until it is asked again
        return np.ctypeslib.as_array(values, tuple(shape[: size.value])).copy()


class Trees:
    """A model of boosted trees, to be asked.

    Parameters
    ----------
    raw : bytes
        The model as UBJ or JSON.

    Raises
    ------
    PredictorFileError
        XGBoost cannot read it.
    """

    def __init__(self, raw: bytes) -> None:
        if not raw:
            raise PredictorFileError("the model is empty")  # XGBoost ends the process over no bytes at all
        self.raw = raw
        self._booster = _Booster(lambda handle: _call("XGBoosterCreate", None, ctypes.c_uint64(0), handle))
        _call("XGBoosterLoadModelFromBuffer", self._booster.handle, raw, ctypes.c_uint64(len(raw)))

    def __reduce__(self) -> tuple[type[Trees], tuple[bytes]]:
        return Trees, (self.raw,)

    @cached_property
    def rounds(self) -> int:
        """Rounds of boosting."""
        count = ctypes.c_int()
        _call("XGBoosterBoostedRounds", self._booster.handle, ctypes.byref(count))
        return count.value

    @property
    def as_json(self) -> dict[str, Any]:
        """The model as the library writes it, read."""
        length, text = ctypes.c_uint64(), ctypes.c_void_p()
        into = map(ctypes.byref, (length, text))
        _call("XGBoosterSaveModelToBuffer", self._booster.handle, b'{"format": "json"}', *into)
        assert text.value is not None
        model: dict[str, Any] = json.loads(ctypes.string_at(text.value, length.value))
        return model

    @cached_property
    def additive(self) -> bool:
        """Whether no tree reads more than one feature: the model is then a sum of functions of one feature each."""
        trees = self.as_json["learner"]["gradient_booster"]["model"]["trees"]
        return all(
            len({f for f, left in zip(t["split_indices"], t["left_children"], strict=True) if left != -1}) <= 1
            for t in trees
        )

    @cached_property
    def _ranges(self) -> tuple[tuple[int, int], ...]:
        return tuple((first, min(first + BLOCK, self.rounds)) for first in range(0, self.rounds, BLOCK))

    @cached_property
    def _blocks(self) -> tuple[_Booster, ...]:
        """The model cut into blocks of trees: contributions cannot be asked of a range."""
        cut = partial(_call, "XGBoosterSlice", self._booster.handle)
        return tuple(_Booster(partial(cut, first, last, 1)) for first, last in self._ranges)

    def raw_margins(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """What all trees say before any link, added in single precision; shape (n,) or (n, outputs)."""
        return self._booster.answer(_Rows(rows), MARGIN).astype(np.float64)

    def margins(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw log-odds, summed over blocks of trees in double precision; shape (n,)."""
        held, total = _Rows(rows), np.zeros(len(rows))
        for first, last in self._ranges:
            total += self._booster.answer(held, MARGIN, first, last)
        return total

    def raw_contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """TreeSHAP contributions and, last, the base, in single precision; shape (n, features + 1)."""
        return self._booster.answer(_Rows(rows), CONTRIBUTIONS).astype(np.float64)

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """TreeSHAP contributions and, last, the base; each row sums to the margin.

        Path-dependent TreeSHAP of XGBoost, summed over blocks of trees in double precision (one pass in single
        precision errs by 3e-6 over 150 trees). Models here have a base score of one half, log-odds 0, so blocks
        simply add.

        References
        ----------
        Lundberg SM et al. From local explanations to global understanding with explainable AI for trees.
        Nat Mach Intell 2020;2:56-67.
        """
        held, total = _Rows(rows), np.zeros((len(rows), rows.shape[1] + 1))
        for block in self._blocks:
            total += block.answer(held, CONTRIBUTIONS)
        return total
