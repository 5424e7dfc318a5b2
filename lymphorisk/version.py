"""The version, for every room that stamps it into a result."""

__version__ = "0.1.0"
