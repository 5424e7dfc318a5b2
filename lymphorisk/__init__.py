"""lymphorisk: from the exported radiotherapy plan to blood dose, lymphocyte count and risk, with reasons."""

from __future__ import annotations

__version__ = "0.1.0"
