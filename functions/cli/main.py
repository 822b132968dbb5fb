"""The commands together, and what all of them have in common: settings, exit codes, and one sentence for a fault."""

import errno
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import click

from ..errors import EntityDropError, SettingsError
from ..redaction import protect_logs
from .access import Access
from .environment import read_settings, read_values
from .exit_codes import CANNOT_REACH, DONE, NOT_ALL_DONE, WRONG_USE
from .problems_told import sentence

COMMANDS = {
    "status": "status:status",
    "show": "show:show",
    "list": "list:list_documents",
    "put": "put:put",
    "check": "check:check",
    "replay": "replay:replay",
    "backfill": "backfill:backfill",
    "ignore-existing": "backfill:ignore_existing_documents",
    "forecast": "forecast:forecast",
    "export": "export:export",
    "evaluate": "evaluate:evaluate_results",
    "purge": "purge:purge",
    "labels": "labels:labels",
    "model": "model:model",
}
"""Each command's module and function; imported when the command is run, for some need much of the app."""


_DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Commands(click.Group):
    """The commands, by their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"{__package__}.{module}"), function)
        assert isinstance(found, click.Command)  # noqa: S101 - for the type checker
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--settings", "file", type=click.Path(path_type=Path), help="A file like local.settings.json.")
@click.option("--azd", is_flag=True, help="Take the settings from the default environment of azd.")
@click.option("--azd-environment", metavar="NAME", help="Take them from an environment of azd.")
@click.pass_context
def commands(context: click.Context, file: Path | None, azd: bool, azd_environment: str | None) -> None:
    """See and steer Entity Drop.

    The settings are those of the app: without an option they come from the environment variables.

    Exit codes: 0 done, 1 not all done, 2 wrong command or settings, 3 something can not be reached.
    """
    context.obj = context.obj or Access(
        partial(read_settings, file, azd=azd, azd_environment=azd_environment),
        values=partial(read_values, file, azd=azd, azd_environment=azd_environment),
    )


def run(arguments: Sequence[str], access: Access | None = None) -> int:
    """Run a command; return the exit code. What goes wrong is told in one sentence.

    Without `access` the command connects by the settings that its options name.
    """
    protect_logs()
    try:
        with commands.make_context("python -m functions", list(arguments), obj=access) as context:
            result = commands.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else DONE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        return _tell("Interrupted. The same command goes on from here.", NOT_ALL_DONE)
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except SettingsError as error:
        return _tell(str(error), WRONG_USE)
    except OSError as error:
        # Of this machine's files, or of where the output goes; all else has a sentence of its own.
        if error.filename is None and error.errno not in _DISK_FAULTS:
            raise
        where = f"{error.filename}: " if error.filename else "The output can not be written: "
        return _tell(f"{where}{error.strerror or type(error).__name__}.", NOT_ALL_DONE)
    except Exception as error:
        told = sentence(error)
        if told is None and isinstance(error, EntityDropError):
            return _tell(str(error), NOT_ALL_DONE)
        if told is None:
            raise
        return _tell(told, CANNOT_REACH)


def _tell(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
