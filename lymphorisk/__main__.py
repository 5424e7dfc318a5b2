"""`python -m lymphorisk`."""

from __future__ import annotations

from lymphorisk.cli.main import main

main()
