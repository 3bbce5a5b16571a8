"""Arguments of the command ``gjax``, exit codes, and errors in one or two lines."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from gjax.errors import ConfigError, DataFormatError, FitError, MissingDataError, UnitError

__all__ = ["build_parser", "main"]

OK, UNTRUSTED, USAGE, DATA, FIT, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

EXIT_CODES = """exit codes:
  0  done, and the result is trustworthy
  1  done, but not trustworthy: fit or sampling did not converge, or the check found errors
  2  wrong usage, or something unknown or impossible in the configuration
  3  data missing, broken or not fit for what was asked
  4  the fit could not start
  5  unexpected error (a fault of gjax; please report it with the output of --debug)
  130  interrupted
"""

DESCRIPTION = """Likelihood analysis of gamma-ray data with JAX.

  gjax demo                  simulate a source, analyse it, and look at the report
  gjax config my.yaml        write a commented configuration (H.E.S.S. Crab runs)
  gjax fit my.yaml           run it on real data
  gjax demo --3d             the same with cubes of energy and sky instead of spectra; also gjax config --3d

Set GJAX_CACHE_DIR to a folder of yours to keep compiled programs: later runs start faster.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Examples
    --------
    >>> build_parser().parse_args(["demo", "--seed", "3"]).seed
    3
    """
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("gjax", description=DESCRIPTION, epilog=EXIT_CODES, formatter_class=raw)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def add(name: str, summary: str, description: str = "") -> argparse.ArgumentParser:
        text = description or summary[0].upper() + summary[1:] + "."
        command = commands.add_parser(name, help=summary, description=text, epilog=EXIT_CODES, formatter_class=raw)
        command.add_argument("--debug", action="store_true", help="show debug messages, and tracebacks of errors")
        return command

    def add_json(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--json", action="store_true", help="print the result as JSON on stdout (all else on stderr)"
        )

    demo = add(
        "demo",
        "simulate four runs of a Crab-like source and analyse them",
        "Simulate four wobble runs of a Crab-like source, write them as GADF DL3 files, read them back, reduce,\n"
        "fit and sample, and leave plots, tables, the fitted model and a report in one folder. Ends with a table of\n"
        "recovered against true parameters. With --3d, the runs become a cube, and the position is fitted as well.",
    )
    demo.add_argument("--out", metavar="DIR", default="gjax-demo", help="folder for the results (default: %(default)s)")
    demo.add_argument("--seed", type=int, default=0, help="seed of simulation and sampling (default: %(default)s)")
    demo.add_argument(
        "--3d", dest="cube", action="store_true", help="analyse a cube of energy and sky instead of a spectrum"
    )
    demo.add_argument("--no-sampling", action="store_true", help="stop after the fit and the flux points")
    add_json(demo)

    fit = add(
        "fit",
        "run the analysis that a configuration describes",
        "Read, reduce, fit and sample the data that CONFIG names, as spectra (type: 1d) or cubes (type: 3d), and\n"
        "leave plots, tables, reduced datasets (OGIP, or FITS maps), the fitted model and a report in one folder.\n"
        "What is done is kept if a later step fails.",
    )
    fit.add_argument("config", metavar="CONFIG", help="YAML file; 'gjax config' writes one with comments")
    fit.add_argument("--out", metavar="DIR", help="folder for the results (default: CONFIG without .yaml)")
    fit.add_argument("--no-sampling", action="store_true", help="stop after the fit and the flux points")
    add_json(fit)

    config = add("config", "write a commented default configuration")
    config.add_argument("path", metavar="FILE", nargs="?", help="file to write (default: print it)")
    config.add_argument("--3d", dest="cube", action="store_true", help="the one for cubes of energy and sky")
    config.add_argument("--force", action="store_true", help="replace an existing file")

    add_json(add("info", "print versions of gjax and of what it uses"))

    check = add(
        "check",
        "check the health of a data store",
        "Open every file that the index files name, and list what is wrong.",
    )
    check.add_argument("datastore", metavar="DATASTORE", help="folder with the index files; may hold $GAMMAPY_DATA")
    add_json(check)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the name of the command; those of the process if None.

    Examples
    --------
    >>> main(["--version"])
    gjax ...
    0
    """
    parser = build_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    if arguments.version:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"gjax {version('gjax')}")
        except PackageNotFoundError:
            print("gjax (not installed)")
        return OK
    if arguments.command is None:
        parser.print_help()
        return USAGE
    level = logging.DEBUG if arguments.debug else logging.WARNING
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("gjax").setLevel(level)
    try:
        from gjax.cli import commands

        return int(getattr(commands, arguments.command)(arguments))
    except BrokenPipeError:
        # The reader of stdout (head, a pager) has gone; python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print("\ngjax: interrupted; what was finished is kept", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if arguments.debug:
            raise
        return report_error(error)


def report_error(error: Exception) -> int:
    """Print an error in one or two lines, and return the exit code that belongs to it.

    Examples
    --------
    >>> report_error(ConfigError("my.yaml, line 3: unknown key 'x'"))
    2
    """
    if isinstance(error, ConfigError | FileExistsError):
        code = USAGE
    elif isinstance(error, FitError):
        code = FIT
    elif isinstance(error, DataFormatError | MissingDataError | UnitError | OSError):
        code = DATA
    else:
        code = INTERNAL
    print(f"gjax: error: {error}", file=sys.stderr)
    if code == INTERNAL:
        print(f"gjax: this {type(error).__name__} was not expected; --debug shows where it happened", file=sys.stderr)
    return code
