"""``python -m local.document_intelligence``: the Document Intelligence stand-in as a process of its own."""

import json
from pathlib import Path
from typing import Any

import click

from local.document_intelligence.behaviour import Behaviour
from local.document_intelligence.faults import KINDS, FaultPlan
from local.document_intelligence.service import DocumentIntelligence
from local.stand_in.base import DEFAULT_KEY
from local.stand_in.faults import FaultSpecError
from local.stand_in.web import HOST, serve

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BEHAVIOUR = Behaviour()


@click.command(
    context_settings={"show_default": True, "help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog=KINDS.listed(),
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on the loopback interface; 0: a free one.")
@click.option("--texts", "texts_file", type=_FILE, help="Texts of the pages of other documents: JSON by SHA-256.")
@click.option("--key", default=DEFAULT_KEY, help="The key that is accepted.")
@click.option("--token", "tokens", multiple=True, help="A bearer token that is accepted as well; repeatable.")
@click.option("--min-seconds", type=click.FloatRange(0), default=_BEHAVIOUR.job_seconds[0], help="Least time of a job.")
@click.option("--max-seconds", type=click.FloatRange(0), default=_BEHAVIOUR.job_seconds[1], help="Most time of a job.")
@click.option("--free-tier", is_flag=True, help="Two pages, 4 MB, one request a second.")
@click.option("--seed", type=int, default=0, help="Decides the jobs' times and the faults.")
@click.option("--fault", "fault_specs", multiple=True, metavar="KIND=RATE", help="A fault and its rate; repeatable.")
@click.option(
    "--latency-seconds", type=(click.FloatRange(0), click.FloatRange(0)), default=(1.0, 5.0), help="For the fault."
)
@click.option("--retry-after", type=click.IntRange(1), default=2, help="Seconds that an injected 429 asks for.")
@click.option("--drip-seconds", type=click.FloatRange(0), default=600.0, help="For the fault drip.")
@click.option("--long-seconds", type=click.FloatRange(0), default=5400.0, help="For the fault long.")
@click.option("--admin", is_flag=True, help="Turn on /admin: counters, ledger, faults, clock.")
@click.option("--unknown-result", type=click.Choice(["wrapped", "flat"]), default=_BEHAVIOUR.unknown_result)
@click.option("--bad-file", type=click.Choice(["400", "failed-job"]), default=_BEHAVIOUR.bad_file)
@click.option("--paragraphs/--no-paragraphs", "has_paragraphs", default=_BEHAVIOUR.has_paragraphs)
@click.option(
    "--word-confidence", type=(click.FloatRange(0, 1), click.FloatRange(0, 1)), default=_BEHAVIOUR.word_confidence
)
def main(**options: Any) -> None:
    """Serve the Read model of Azure AI Document Intelligence, for documents whose texts are in them or in --texts.

    Options without a description are the switches for what is not known of the service; see the README.
    """
    if options["min_seconds"] > options["max_seconds"]:
        raise click.UsageError(
            f"--min-seconds {options['min_seconds']:g} is more than --max-seconds {options['max_seconds']:g}."
        )

    def announce(bound: int) -> None:
        # Flushed at once: whoever started the process waits for this line, mostly at the end of a pipe.
        click.echo(f"Document Intelligence stand-in ready on http://{HOST}:{bound}")

    try:
        serve(_service(options), options["port"], announce)
    except FaultSpecError as exc:
        raise click.ClickException(str(exc)) from exc
    except OSError as exc:
        raise click.ClickException(
            f"Port {options['port']} cannot be used ({exc.strerror}). Choose another, or 0."
        ) from exc


def _service(options: dict[str, Any]) -> DocumentIntelligence:
    texts = json.loads(options["texts_file"].read_text("utf-8")) if options["texts_file"] else None
    return DocumentIntelligence(
        key=options["key"],
        tokens=options["tokens"],
        texts=texts,
        behaviour=Behaviour(
            job_seconds=(options["min_seconds"], options["max_seconds"]),
            free_tier=options["free_tier"],
            unknown_result=options["unknown_result"],
            bad_file=options["bad_file"],
            has_paragraphs=options["has_paragraphs"],
            word_confidence=options["word_confidence"],
        ),
        faults=FaultPlan(
            options["seed"],
            KINDS.parse_rates(options["fault_specs"]),
            latency_seconds=options["latency_seconds"],
            retry_after_seconds=options["retry_after"],
            drip_seconds=options["drip_seconds"],
            long_seconds=options["long_seconds"],
        ),
        admin=options["admin"],
    )


if __name__ == "__main__":
    main()
