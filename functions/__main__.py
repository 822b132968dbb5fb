"""`python -m functions COMMAND`: see and steer the app from any machine that may reach its storage."""

import sys


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        from .cli.main import run

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        # click and rich are not deployed with the app, and not needed by it.
        package = (error.name or "").partition(".")[0]
        if package not in ("click", "rich"):
            raise
        told = f"{package} is missing. Install what the commands need: pip install -r requirements-cli.txt"
        print(told, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
