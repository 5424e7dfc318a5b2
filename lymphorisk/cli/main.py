"""The `lymphorisk` command: commands load when they are called, errors become exit codes."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from contextlib import suppress
from pathlib import Path

import click

from lymphorisk.errors import STOPPED, InputError, LymphoriskError
from lymphorisk.version import __version__

#: Command name -> (module, attribute, one line of help). Help is here so that `--help` imports nothing.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "analyze": ("analyze", "analyze", "Organ doses, blood dose, lymphocyte forecast and risk of a plan."),
    "inspect": ("inspect", "inspect", "What an export holds, how it links, which ROI became which organ."),
    "dvh": ("dvh", "dvh", "Dose-volume histograms and metrics."),
    "check": ("check", "check", "The pre-treatment gate: a protocol held against a plan, with an exit code."),
    "protocol": ("protocol", "protocol", "Protocols: the shipped starters, and from one form to another."),
    "cohort": ("cohort", "cohort", "Many plans into tables, resumable; a page about them."),
    "commission": ("commission", "commission", "A site's own plans through a checklist, before first use."),
    "compare": ("compare", "compare", "Plans side by side: dose, risk, what changed and why."),
    "update": ("update", "update", "The forecast given the first counts of a course."),
    "blood": ("blood", "blood", "Dose to circulating blood, one fraction and the course; EDIC."),
    "killmap": ("killmap", "killmap", "Where a gray costs lymphocytes, as an RTDOSE."),
    "objective": (
        "objective",
        "objective",
        "What a gray costs lymphocytes, by organ; structures and goals to plan with.",
    ),
    "conditioning": ("conditioning", "conditioning", "Depth and duration around a CAR-T infusion, regimens compared."),
    "listen": ("listen", "listen", "A DICOM receiver: plans are gated as they come, answers sent on."),
    "watch": ("listen", "watch", "The same for a folder."),
    "serve": ("serve", "serve", "A web page: worklist, plans handed in, reports, decisions, audit trail."),
    "send": ("listen", "send", "DICOM files to an archive."),
    "worklist": ("worklist", "worklist", "The entries of a service's store; a backup of it."),
    "train": ("train_cmd", "train", "A clinic's own predictor from its cohort, judged as it is made."),
    "evaluate": ("train_cmd", "evaluate", "Scores of a predictor on a cohort; recalibration."),
    "model": ("train_cmd", "model", "Predictors: list, card, verify, sign, use."),
    "explain": ("explain", "explain", "What a finding code means."),
    "audit": ("audit", "audit", "Verify an audit trail."),
    "cite": ("cite", "cite", "How to cite the program and the sources of its numbers."),
    "init": ("init", "init", "A commented lymphorisk.toml: what a clinic says once."),
    "demo": ("demo", "demo", "Analyse a built-in plan: first success without data."),
    "doctor": ("doctor", "doctor", "Check the installation."),
    "parameters": ("parameters", "parameters", "Every number the models rest on, with source and range."),
    "schema": ("schema", "schema", "The JSON Schema of every JSON result."),
    "organs": ("organs", "organs", "The organs lymphorisk knows and the ROI names it accepts."),
}
#: The exit code of a call that was told to end (SIGTERM).
ENDED = 143
#: A result that somebody wanted and that does not fit on the disk of stdout: as an output that cannot be written.
EXIT_LOST = 3
PACKAGE = Path(__file__).parents[1]
#: Letters of a file name in a message.
NAMED = 80
EPILOG = "Research and QA support, not a medical device."


class LazyGroup(click.Group):
    """A group whose commands are imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order they are shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"lymphorisk.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and one line each, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lymphorisk")
@click.option("--debug", is_flag=True, help="Show the traceback of an error; also after a command.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The clinic file; also after a command. none: no file.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool, config: Path | None) -> None:
    """From an exported radiotherapy plan to blood dose, lymphocyte count and risk, with reasons.

    Results go to stdout, messages to stderr. Exit codes: 0 done or pass, 1 the gate failed,
    2 usage, 3 input, 4 cannot decide, 5 batch partly quarantined, 70 internal.
    """
    from lymphorisk.cli.clinicfile import in_force

    in_force(ctx, config)


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    from lymphorisk.cli.output import close_streams, open_streams

    open_streams()
    with suppress(ValueError):  # not the main thread: whoever called answers to signals
        signal.signal(signal.SIGTERM, _ended)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _ended)
    code = run(sys.argv[1:] if args is None else args)
    close_streams()
    sys.exit(code)


def _ended(number: int, _: object) -> None:
    """Leave through every `with` on the way, so that nothing half written is left behind."""
    from lymphorisk.cli.output import Told

    Told.code = STOPPED if number == signal.SIGINT else ENDED
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(ENDED)


def parted(args: list[str]) -> tuple[bool, list[str]]:
    """Whether a traceback is wanted, and the other arguments; options of the program may stand behind a command."""
    end = args.index("--") if "--" in args else len(args)
    before = [a for a in args[:end] if a != "--debug"]
    debug = len(before) < end
    first = next((n for n, a in enumerate(before) if a == "--config" or a.startswith("--config=")), None)
    if first is not None:
        last = first + (1 if "=" in before[first] else 2)
        before = [*before[first:last], *before[:first], *before[last:]]
    return debug, before + args[end:]


def run(args: list[str]) -> int:
    """Run the command line; errors are printed on stderr and returned as exit codes."""
    from lymphorisk.cli.output import Told, message

    Told.code = 0
    try:
        code = _run(args)
    except BaseException:
        if not Told.code:
            raise
    ended, Told.code = Told.code, 0
    if ended == STOPPED:
        message("stopped")
    return ended or code


def _run(args: list[str]) -> int:
    from lymphorisk.cli.output import Debug, Lost, message
    from lymphorisk.outputs.files import WRITTEN

    debug, args = parted(args)
    Debug.on, Lost.result = debug, False
    WRITTEN.clear()
    # Hundreds of small matrices: threads of the linear algebra library only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    try:
        result = cli.main(args, prog_name="lymphorisk", standalone_mode=False)
    except LymphoriskError as error:
        if debug:
            message(traceback.format_exc())
        message(f"error: {error.message}")
        if error.hint:
            message(f"  hint: {error.hint}")
        return error.exit_code
    except click.ClickException as error:
        with suppress(OSError, ValueError):
            error.show()
        return error.exit_code
    except click.exceptions.Abort:
        message("stopped")
        return STOPPED
    except BrokenPipeError:  # help that nobody read to its end
        return 0
    except OSError as error:
        path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else PACKAGE
        if path.is_relative_to(PACKAGE):
            return _internal(error, debug)
        if debug:
            message(traceback.format_exc())
        name = max(path.parts, key=len) if error.errno == errno.ENAMETOOLONG else path.name
        typed = any(name in a for a in args)  # the name of a file that was not may be a patient's
        message(f"error: {name[:NAMED] if typed else 'a file of this call'}: {error.strerror}")
        message("  hint: the system refuses this path: look at its length, its links and its permissions")
        return InputError.exit_code
    except Exception as error:
        return _internal(error, debug)
    code = result if isinstance(result, int) else 0
    return EXIT_LOST if code == 0 and Lost.result else code


def _internal(error: Exception, debug: bool) -> int:
    """What the program did not foresee, said."""
    from lymphorisk.cli.output import message
    from lymphorisk.outputs.files import WRITTEN

    if debug:
        message(traceback.format_exc())
    message(f"internal error: {type(error).__name__}")
    left = ", ".join(str(p) for p in WRITTEN)
    message(
        "  hint: run again with --debug and report the traceback; "
        + (f"written before it: {left}" if left else "no file was written")
    )
    return LymphoriskError.exit_code
