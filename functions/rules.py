"""Rules by folder: what is done with the documents whose names match a pattern. Read and checked here, without any I/O.

A file of rules is used whole or not at all: whatever is wrong in it is told at once, each thing with its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Final, get_args

import msgspec

from .core.records import Moment, Record
from .core.work import WorkSpec, work_of
from .document_languages import AUTO, language_code
from .globs import literal_beginning, longest_literal, matches
from .settings import FIRST_AUTO_LANGUAGE_DATE, PREVIEW_API_VERSION, Settings, date_of_version, model_id, model_name
from .tasks.custom_entities import CustomEntityRecognition
from .tasks.entities import OVERLAPS
from .tasks.kinds import KINDS, Task
from .tasks.task import ProjectTask
from .typed_data import converted

MAX_RULES = 10_000
MAX_BYTES = 4 * 1024 * 1024
"""Of a file of rules; far more than people write, and read in a moment."""

MAX_PROBLEMS = 20
"""Problems of a file that are told one by one; the rest are counted."""

MAX_FORMERLY_IGNORED = 1_000
"""Patterns that are remembered because they are not ignored any more; the oldest are forgotten."""

MAX_TASKS = 10
"""Tasks of a rule. The service names no limit."""


class Rule(Record, frozen=True, kw_only=True):
    """What is done with documents whose names match a pattern; what it does not say is as the settings say."""

    match: str
    """A pattern of names: `*` and `?` within a folder, `**` for any folders."""
    ignore: bool = False
    """Whether such documents are left alone."""
    tasks: tuple[Task, ...] = ()
    """What the service is asked, in one job; empty for the entities of the model in the settings."""
    language: str | None = None
    """Of documents that do not name their own: a code, or `auto`."""
    review_below: float | None = None
    """What is found with less confidence is marked for review."""
    overlaps: str | None = None
    """Which of two entities at the same characters is given: `keep` for both, `longest` or `best`."""
    resources: tuple[str, ...] = ()
    """Host names of the Language resources that may be asked; empty for all."""


class FormerlyIgnored(Record, frozen=True, kw_only=True):
    """A pattern that a rule ignored until a time; documents of that time are taken on only on request."""

    match: str
    until: Moment

    def holds_for(self, document: str, last_modified: Moment) -> bool:
        """Whether a document dates from that time."""
        return last_modified < self.until and matches(self.match, document)


class RulesFile(Record, frozen=True, kw_only=True):
    """`rules.json`: the first rule whose pattern matches holds; what matches none is done as the settings say."""

    rules: tuple[Rule, ...]


class ValidRules(Record, frozen=True, kw_only=True):
    """`rules.valid.json`, written by the app: the last rules that were valid, and what earlier ones ignored."""

    source_etag: str | None = None
    """Of the `rules.json` that they come from; None once that was deleted."""
    rules: tuple[Rule, ...] = ()
    formerly_ignored: tuple[FormerlyIgnored, ...] = ()


class RulesError(ValueError):
    """A file of rules that can not be used; `problems` lists what is wrong with it, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(problems))


IGNORED: Final = None


class Rules:
    """Valid rules, ready to be asked about documents."""

    def __init__(self, rules: Sequence[Rule], settings: Settings) -> None:
        self._default = work_of(settings)
        self._rules = [
            (literal_beginning(rule.match), longest_literal(rule.match), rule, _work(rule, self._default))
            for rule in rules
        ]

    def works(self) -> tuple[WorkSpec, ...]:
        """Return everything that may be done with a document, each once: by the settings first, then by the rules."""
        return tuple(dict.fromkeys([self._default, *(work for _, _, _, work in self._rules if work)]))

    def work_for(self, document: str) -> WorkSpec | None:
        """Return what is done with a document of a name; None where a rule ignores it."""
        found = self._first(document)
        return found[1] if found else self._default

    def rule_for(self, document: str) -> str | None:
        """Return the pattern of the rule that holds for a document of a name; None where the settings do."""
        found = self._first(document)
        return found[0].match if found else None

    @property
    def patterns(self) -> tuple[str, ...]:
        """The patterns of all rules."""
        return tuple(rule.match for _, _, rule, _ in self._rules)

    def _first(self, document: str) -> tuple[Rule, WorkSpec | None] | None:
        # Two look-ups rule out most of ten thousand patterns before one is compared bit by bit.
        for beginning, literal, rule, work in self._rules:
            if document.startswith(beginning) and literal in document and matches(rule.match, document):
                return rule, work
        return None


def _work(rule: Rule, default: WorkSpec) -> WorkSpec | None:
    if rule.ignore:
        return IGNORED
    return msgspec.structs.replace(
        default,
        tasks=tuple(_with_model(task, default) for task in rule.tasks) or default.tasks,
        language=rule.language or default.language,
        review_below=default.review_below if rule.review_below is None else rule.review_below,
        overlaps=rule.overlaps or default.overlaps,
        resources=rule.resources,
    )


def _with_model(task: Task, default: WorkSpec) -> Task:
    """Return a task with the settings' model where it is for entities and names none."""
    own = default.tasks[0]
    is_unnamed = isinstance(task, CustomEntityRecognition) and not (task.project or task.deployment or task.model_id)
    if not is_unnamed or not isinstance(own, CustomEntityRecognition):
        return task
    return msgspec.structs.replace(own, given_name=task.given_name)


def succeed(earlier: ValidRules, rules: Sequence[Rule], etag: str | None, now: Moment) -> ValidRules:
    """Return valid rules that take the place of earlier ones, with the patterns that are not ignored any more."""
    still = {rule.match for rule in rules if rule.ignore}
    gone = (rule.match for rule in earlier.rules if rule.ignore and rule.match not in still)
    kept = {one.match: one for one in earlier.formerly_ignored}
    kept |= {match: FormerlyIgnored(match=match, until=now) for match in gone}
    return ValidRules(
        source_etag=etag, rules=tuple(rules), formerly_ignored=tuple(kept.values())[-MAX_FORMERLY_IGNORED:]
    )


EVERYTHING = "**"
"""The pattern that all names match."""


def leave_existing(valid: ValidRules, now: Moment) -> ValidRules:
    """Return valid rules by which everything is left alone that dates from before `now` and nobody has taken on."""
    others = tuple(one for one in valid.formerly_ignored if one.match != EVERYTHING)
    everything = FormerlyIgnored(match=EVERYTHING, until=now)
    return ValidRules(source_etag=valid.source_etag, rules=valid.rules, formerly_ignored=(*others, everything))


# --- Reading a file ---


def parse_rules(data: bytes, settings: Settings) -> tuple[Rule, ...]:
    """Return the rules in a file; raise `RulesError` with everything that is wrong with it under these settings."""
    if len(data) > MAX_BYTES:
        raise RulesError([f"The file has {len(data):,} bytes; the limit is {MAX_BYTES:,}."])
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RulesError([f"The file is not JSON: {error}."]) from error
    listed = content.get("rules") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise RulesError(['The file is no object with a list "rules".'])
    if len(listed) > MAX_RULES:
        raise RulesError([f"The file has {len(listed):,} rules; the limit is {MAX_RULES:,}."])
    problems = [f"The file has an unknown field {key!r}." for key in content if key not in ("rules", "$schema")]
    rules: list[Rule] = []
    for number, one in enumerate(listed, 1):
        found = list(_Check(settings, one).problems())
        place = f"Rule {number}" + (f" ({one['match']!r})" if isinstance(one, dict) and "match" in one else "")
        problems += (f"{place}: {problem}" for problem in found)
        if not found:
            rules.append(converted(one, Rule))
    if problems:
        more = len(problems) - MAX_PROBLEMS
        raise RulesError(problems[:MAX_PROBLEMS] + ([f"And {more} more."] if more > 0 else []))
    return tuple(rules)


_TASK_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_POLICIES = {
    "redactionPolicy": ("characterMask", "entityMask", "noMask"),
    "overlapPolicy": ("matchLongest", "allowOverlap"),
}
_CHARACTERS = "!#$%&*+-=?@^_~"
"""With which the service masks ("How to detect and redact PII", page of 2025-11-18)."""


@dataclass(frozen=True, slots=True)
class _Check:
    """Finds what is wrong with one rule as it stands in the file."""

    settings: Settings
    rule: Any

    def problems(self) -> Iterator[str]:
        """Yield everything that is wrong, a sentence each."""
        rule = self.rule
        if not isinstance(rule, dict):
            yield "it is no object."
            return
        unknown = list(_unknown(rule, Rule))
        yield from (f"it has an unknown field {name!r}." for name in unknown)
        tasks = rule.get("tasks", [])
        if not isinstance(tasks, list):
            yield "its tasks are no list."
            return
        in_tasks = [problem for number, task in enumerate(tasks, 1) for problem in self._in_task(number, task)]
        yield from in_tasks
        if in_tasks or unknown:
            return
        try:
            read = converted(rule, Rule)
        except msgspec.ValidationError as error:
            yield f"it can not be read: {error}."
            return
        yield from self._in_rule(read)

    def _in_rule(self, rule: Rule) -> Iterator[str]:
        if not 0 < len(rule.match) <= 1024:
            yield "its match has to have 1 to 1,024 characters."
        if rule.review_below is not None and not 0 <= rule.review_below <= 1:
            yield "its reviewBelow has to be a number from 0 to 1."
        if rule.overlaps is not None and rule.overlaps not in OVERLAPS:
            yield f"its overlaps has to be one of {', '.join(OVERLAPS)}."
        if len(rule.tasks) > MAX_TASKS:
            yield f"it has {len(rule.tasks)} tasks; the limit is {MAX_TASKS}."
        yield from self._in_language(rule.language)
        known = {resource.name for resource in self.settings.language_resources}
        yield from (
            f"its resource {name!r} is none of the app's: {', '.join(sorted(known))}."
            for name in rule.resources
            if name not in known
        )
        seen: set[str] = set()
        for task in rule.tasks:
            twice = seen.intersection(task.suffixes) or seen.intersection({task.name})
            if twice:
                yield f"two of its tasks would write files that end with {task.suffix!r}; give each a name of its own."
            seen.update((*task.suffixes, task.name))

    def _in_language(self, language: str | None) -> Iterator[str]:
        if language is None:
            return
        try:
            code = language_code(language)
        except ValueError as error:
            yield f"its language is {language[:40]!r}; expected is {error}."
            return
        if code == AUTO and self._released < FIRST_AUTO_LANGUAGE_DATE:
            yield f"the API version {self.settings.language_api_version} does not know the language 'auto'."

    def _in_task(self, number: int, task: Any) -> Iterator[str]:
        place = f"task {number}"
        kind = KINDS.get(task.get("kind", "")) if isinstance(task, dict) and isinstance(task.get("kind"), str) else None
        if kind is None:
            yield f"{place} has no kind that is known; known are {', '.join(KINDS)}."
            return
        unknown = list(_unknown(task, kind))
        yield from (f"{place}: {task['kind']} has no parameter {name!r}." for name in unknown if name != "kind")
        try:
            read = converted(task, kind)
        except msgspec.ValidationError as error:
            yield f"{place} can not be read: {error}."
            return
        yield from (f"{place}: {problem}" for problem in self._in_parameters(read))

    def _in_parameters(self, task: Task) -> Iterator[str]:
        version = self.settings.language_api_version
        if task.given_name is not None and (
            not _TASK_NAME.fullmatch(task.given_name) or len(task.given_name) > 40 or task.given_name == "failed"
        ):
            yield "its name has to be 1 to 40 small letters, digits and single hyphens, and not 'failed'."
        if isinstance(task, ProjectTask):
            yield from self._in_model(task)
            return
        if version == PREVIEW_API_VERSION:
            yield f"the API version {version} does not know {task.kind}."
            return
        yield from (
            f"the API version {version} does not know the parameter {name!r} of {task.kind}."
            for name in task.unknown_parameters(self._released)
        )
        yield from _in_values(task.parameters())

    def _in_model(self, task: ProjectTask) -> Iterator[str]:
        is_preview = self.settings.language_api_version == PREVIEW_API_VERSION
        if task.model_id and not is_preview:
            yield f"only the API version {PREVIEW_API_VERSION} knows a modelId."
        named = (bool(task.project), bool(task.deployment))
        is_settings_model = isinstance(task, CustomEntityRecognition) and not any(named)
        if not task.model_id and not all(named) and not is_settings_model:
            yield "it needs a project and a deployment."
        for name, value, parse in (
            ("project", task.project, model_name),
            ("deployment", task.deployment, model_name),
            ("modelId", task.model_id, model_id),
        ):
            try:
                parse(value or "x")
            except ValueError as error:
                yield f"its {name} is {str(value)[:40]!r}; expected is {error}."

    @property
    def _released(self) -> date:
        """When the API version in use was released; the preview of 2021 before all others."""
        return date_of_version(self.settings.language_api_version) or date.min


def _in_values(parameters: Mapping[str, Any]) -> Iterator[str]:
    if parameters.get("domain", "none") not in ("none", "phi"):
        yield "its domain has to be none or phi."
    for name, kinds in _POLICIES.items():
        policy = parameters.get(name, {})
        if policy and policy.get("policyKind") not in kinds:
            yield f"the policyKind of its {name} has to be one of {', '.join(kinds)}."
        if policy.get("redactionCharacter", "*") not in tuple(_CHARACTERS):
            yield f"the redactionCharacter of its {name} has to be one of {' '.join(_CHARACTERS)}."


def _unknown(given: Mapping[str, Any], kind: type[msgspec.Struct]) -> Iterator[str]:
    """Yield the names of fields that a struct does not have, those of structs in it with a dot."""
    fields = _fields(kind)
    for name, value in given.items():
        if name not in fields:
            yield name
            continue
        inner = fields[name]
        if inner and isinstance(value, dict):
            yield from (f"{name}.{part}" for part in _unknown(value, inner))


@cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, type[msgspec.Struct] | None]:
    """Return the names of a struct's fields in JSON, each with the struct that it may hold."""
    return {
        field.encode_name: next((one for one in get_args(field.type) if _is_struct(one)), None)
        for field in msgspec.structs.fields(kind)
    }


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
