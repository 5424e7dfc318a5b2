"""`lymphorisk` and `python -m lymphorisk`: whoever stops it while it still loads gets an exit code too."""

from __future__ import annotations

import sys

from lymphorisk.errors import STOPPED


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from lymphorisk.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
