"""`check`: whether everything works that documents need; each problem with its fix."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import click
from rich.text import Text

from ..core.expiry import DeploymentExpiry
from ..core.work import WorkSpec, work_of
from ..errors import Problem
from ..rules import MAX_BYTES, Rules, RulesError, parse_rules
from ..storage.rules_store import RulesStore
from ..workflows.checks import (
    Finding,
    Level,
    check_container,
    check_expiry,
    check_incident,
    check_model,
    check_oldest,
    check_queue,
    check_reading,
    check_rules,
    check_sending,
    check_summary,
    ok,
)
from ..workflows.event_checks import check_event_subscription, is_system_topic, topic_of
from ..workflows.expiries import deployments_of
from .access import Access
from .azure_resources import NotReached
from .exit_codes import CANNOT_REACH, DONE, NOT_ALL_DONE
from .problems_told import sentence
from .terminal import make_console, plain, write_json

_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}

EVENT_SUBSCRIPTIONS = "2022-06-15"
"""The version of Event Grid's management API, as in infra/event-subscription.bicep."""

UNKNOWN_READING = "/analyzeResults/00000000-0000-0000-0000-000000000000"
"""A reading that there is not: to ask for it needs the key or role, and is not billed."""


class Tried(NamedTuple):
    """What is tried beside what the settings name."""

    with_model: bool
    event_subscription: str | None


@click.command("check")
@click.option("--no-model", is_flag=True, help="Do not ask the models, which is billed as one text record each.")
@click.option(
    "--event-subscription",
    metavar="ID",
    help="The resource id of the Event Grid subscription; with --azd that of the deployment.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each finding.")
@click.pass_obj
def check(access: Access, no_model: bool, event_subscription: str | None, as_json: bool) -> int:
    """Try settings, storage, queues, models and rules.

    The exit code is 3 where something can not be reached or refuses you, else 1 where there is a problem.

    One harmless thing of each is done, with your rights, not the app's: a listing, a write that is written nowhere, a
    hidden message that is taken back, a document of one word, a question about a deployment.
    """
    console = make_console()
    findings = []
    tried = Tried(not no_model, event_subscription or access.event_subscription)
    for finding in _findings(access, tried):
        findings.append(finding)
        if as_json:
            write_json(finding)
        else:
            console.print(line(finding), soft_wrap=not console.is_terminal)
    if not all(one.is_reached for one in findings):
        return CANNOT_REACH
    return NOT_ALL_DONE if any(one.level is Level.PROBLEM for one in findings) else DONE


def line(finding: Finding) -> Text:
    """Draw a finding."""
    told = Text.assemble((f"{finding.level.value:<8}", _STYLES[finding.level]))
    told.append_text(plain(f"{finding.what}: {finding.told}"))
    if finding.fix:
        told.append("\n        ").append_text(plain(finding.fix, "dim"))
    return told


def _findings(access: Access, tried: Tried) -> Iterator[Finding]:
    settings, now = access.settings, access.clock()
    yield ok("settings", f"complete; storage at {access.account}")
    for setting in ("INPUT_CONTAINER", "OUTPUT_CONTAINER", "STATE_CONTAINER"):
        yield from _tried(f"container {getattr(settings, setting.lower())}", partial(_container, access, setting))
    for name, length in access.queue_lengths.items():
        yield from _tried(f"queue {name}", partial(_queue, access, name, length))
    yield from _tried("event subscription", partial(_event_subscription, access, tried.event_subscription))
    yield from _tried("reconcile", lambda: [check_summary(access.journal.summary(), now)])
    yield from _tried("jobs", lambda: [check_oldest(_oldest(access), now)])
    yield from _tried("health", lambda: [check_incident(incident, now) for incident in access.status.incidents()])
    yield from _tried("rules", lambda: check_rules(RulesStore(access.state).read_source(MAX_BYTES), settings))
    works = _works(access)
    yield from _services(access, works, with_model=tried.with_model)
    yield from _expiries(access, works)


def _tried(what: str, act: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; that it can not be done is a finding as well."""
    try:
        yield from act()
    except Exception as error:
        told = sentence(error)
        if told is None:
            raise
        yield Finding(what=what, level=Level.PROBLEM, told=told, fix=_FIX, is_reached=False)


_FIX = "docs/deploy.md says which role each container and queue needs, and how the network is set up."


def _container(access: Access, setting: str) -> Iterator[Finding]:
    access.check_containers(setting)
    name = getattr(access.settings, setting.lower())
    needs_writing = setting != "OUTPUT_CONTAINER"
    yield from check_container(access.container(name), f"container {name}", needs_writing=needs_writing)


def _queue(access: Access, name: str, length: Callable[[], int | None]) -> Iterator[Finding]:
    messages = length()
    yield check_queue(name, messages, is_poison=name.endswith("-poison"))
    if name == access.settings.job_queue and messages is not None:
        yield check_sending(access.job_queue, f"queue {name}")


def _oldest(access: Access) -> datetime | None:
    return min((job.created for job in access.records.list_jobs() if job.created), default=None)


def _event_subscription(access: Access, resource_id: str | None) -> Iterator[Finding]:
    what = "event subscription"
    if access.settings.blob_trigger_source != "EventGrid" and not resource_id:
        yield ok(what, "none is needed: the host looks for documents itself (BLOB_TRIGGER_SOURCE)")
        return
    if not resource_id:
        fix = "Give --event-subscription with its resource id, or --azd."
        yield Finding(what=what, level=Level.NOTE, told="was not looked at", fix=fix)
        return
    manager = access.resource_manager
    try:
        properties = manager.properties(resource_id, EVENT_SUBSCRIPTIONS)
        source: str | None = topic_of(properties or {}) or None
        if source and is_system_topic(source):
            source = str((manager.properties(source, EVENT_SUBSCRIPTIONS) or {}).get("source") or "") or None
    except NotReached as error:
        yield Finding(what=what, level=Level.NOTE, told=f"was not looked at: {error}", fix=error.fix)
        return
    account = access.account.partition(".")[0]
    yield check_event_subscription(properties, source, account, access.settings.input_container)


# --- Services ---


def _works(access: Access) -> tuple[WorkSpec, ...]:
    """Return what may be done with documents; by the settings alone where the rules can not be read or used."""
    settings = access.settings
    try:
        source = RulesStore(access.state).read_source(MAX_BYTES)
        return Rules(parse_rules(source.data, settings) if source else (), settings).works()
    except RulesError:
        return (work_of(settings),)
    except Exception as error:
        if sentence(error) is None:
            raise
        return (work_of(settings),)  # That it can not be read is told already.


def _services(access: Access, works: tuple[WorkSpec, ...], *, with_model: bool) -> Iterator[Finding]:
    settings = access.settings
    for resource, language in access.language_services.items() if with_model else ():
        for work in _models(works, resource):
            yield check_model(language, resource, work, access.clock, access.sleep)
    endpoint, reading = settings.document_intelligence_endpoint, access.reading_service
    if endpoint and reading:
        yield check_reading(reading.progress(endpoint + UNKNOWN_READING), f"OCR at {urlsplit(endpoint).netloc}")


def _models(works: tuple[WorkSpec, ...], resource: str) -> Iterator[WorkSpec]:
    """Yield each task that a resource may be asked, by itself and once."""
    seen: set[str] = set()
    for work in works:
        if work.resources and resource not in work.resources:
            continue
        for task in work.tasks:
            if task.model not in seen:
                seen.add(task.model)
                yield work.only([task.name])


def _expiries(access: Access, works: tuple[WorkSpec, ...]) -> Iterator[Finding]:
    readers, now = access.deployment_readers, access.clock()
    for name in deployments_of(works, tuple(readers)):
        answer = readers[name.resource].deployment(name.project, name.deployment)
        if isinstance(answer, Problem):
            yield check_expiry(DeploymentExpiry(**name._asdict(), code=answer.code), answer.message, now)
        else:
            yield check_expiry(DeploymentExpiry(**name._asdict(), expires=answer.deployment_expiration_date), "", now)
