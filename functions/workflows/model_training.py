"""Trains a model from what people have reviewed, with the labels that its project has so far.

The steps, in this order; how far it has come is kept after each, so that the same command goes on after it was killed:

1. the reviewed documents are collected, and their texts lie in the training container, under names that nothing else
   has: no text there is ever written over, because labels of the project may count in it. The names are kept before
   anything is written, so that `purge` finds all texts;
2. the labels of the project are exported, the reviewed documents are put into their places, and the whole is imported,
   which replaces the labels of the project;
3. the training is started under a label that is chosen at the start; before, it is looked whether it has been started
   already, for a job that is started twice is paid for twice;
4. what the model is worth is kept.

Each step may be done again: an export changes nothing, merging the same documents into labels that have them changes
nothing, and neither does importing the same file. After an interruption it is exported anew: people may have labelled
meanwhile.

A document may be purged at any time. Whoever purges it keeps that in the history first, and each step that has brought
something of a document anywhere looks there again afterwards, and takes it out.
"""

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from ..core.model_history import CategoryQuality, Measured, ModelHistory, Quality, Training
from ..core.records import Moment, Record
from ..errors import Changed, EntityDropError, Missing
from ..labels.merging import merge, unfit
from ..labels.naming import training_name
from ..labels.values import Document, LabelsError
from ..language.authoring_service import EntityEvaluation, Job, Model, Project, Summary
from ..storage.containers import TEXT_TYPE, Container
from ..storage.model_store import ModelStore
from .authoring_jobs import Authoring, JobFailed, ServiceRefused, Tell, tell_nobody
from .project_labels import export_labels, import_labels
from .reviewed_documents import CorrectionsReader, Reviewed

MAX_MODELS: Final = 10
"""Trained models of a project ("Service limits", read 2026-08)."""

ENTITIES_KIND: Final = "CustomEntityRecognition"
COMMAND: Final = "train"

SAME_TEXT: Final = "a later review of the document has the same text"

LIVE: Final = frozenset({"notstarted", "running", "succeeded"})
"""States of a training job that need not be started again."""


class CanNotTrain(EntityDropError):
    """Something stands in the way of a training; the message says what, and what to do."""


class NotEvaluated(EntityDropError):
    """A model that the service has not measured."""


class Stage(StrEnum):
    """Which step comes next."""

    COLLECT = "collect"
    MERGE = "merge"
    TRAIN = "train"
    FOLLOW = "follow"


class TrainingAsked(Record, frozen=True, kw_only=True):
    """What a training is asked for."""

    label: str
    """Empty for one that is made of the day."""
    prefix: str = ""
    unreviewed: tuple[str, ...] = ()
    """Documents that nobody has looked at and that are to be learnt from all the same, by their names."""
    share: float | None = None
    """Of new documents, how many go to the test set; None for none where there is one already."""
    replaced: bool = False
    """Whether reviewed versions that were replaced since are learnt from, too."""


class Placed(Record, frozen=True, kw_only=True):
    """Where the text of a document lies in the training container."""

    name: str
    sha256: str
    """Of the text: of another one the labels would not fit."""


class TrainingRun(Record, frozen=True, kw_only=True):
    """How far a training has come."""

    asked: TrainingAsked
    label: str
    """Of the model that it makes."""
    stage: Stage = Stage.COLLECT
    began: Moment
    placed: dict[str, Placed] = {}
    """Where the texts of the documents lie, by their names."""
    learnt_until: Moment | None = None
    job: str = ""
    """Of the training; empty where it is not known."""
    reviewed: int = 0
    documents: int = 0
    tested: int = 0
    renamed: dict[str, str] = {}
    """Categories that have another name in the project."""


class Plan(NamedTuple):
    """What a training would do."""

    project: Project
    run: TrainingRun
    is_resumed: bool
    reviewed: tuple[Reviewed, ...]
    left_out: Mapping[str, tuple[str, ...]]
    """Documents with corrections, or asked for by name, that are not learnt from, by the reason."""
    new: int
    """Documents that were reviewed since the last training."""
    models: int
    last: Training | None

    @property
    def is_done(self) -> bool:
        """Whether the last training has learnt all of this already."""
        return not self.is_resumed and self.last is not None and not self.new and not self.asks_for_more

    @property
    def asks_for_more(self) -> bool:
        """Whether it is asked for something that the last training has not made."""
        asked, known = self.run.asked, self.last.label if self.last else ""
        is_older = any(one.newest for one in self.reviewed) and not (self.last and self.last.replaced)
        return bool(asked.unreviewed) or is_older or asked.label not in ("", known)


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of a training."""

    label: str
    quality: Quality
    reviewed: int
    documents: int
    tested: int
    warnings: tuple[str, ...]
    """Of categories with other names, and of the service, such as of categories with few labels."""


class ModelTraining:
    """Trains models of one project."""

    def __init__(
        self,
        authoring: Authoring,
        reader: CorrectionsReader,
        store: ModelStore,
        container: Callable[[str], Container],
        clock: Callable[[], datetime],
        address: str = "",
    ) -> None:
        """`address` is what is kept of where the training container is; empty for the project's name of it."""
        self._address = address
        self._authoring = authoring
        self._reader = reader
        self._store = store
        self._container = container
        self._clock = clock

    # --- Before ---

    def create(self, container: str, language: str) -> None:
        """Create the project, if it is not there."""
        if self._authoring.find(Project) is not None:
            return
        body = {
            "projectName": self._authoring.project,
            "projectKind": ENTITIES_KIND,
            "storageInputContainerName": container,
            "language": language,
            "multilingual": False,
            "description": "",
        }
        what = f"Creating project '{self._authoring.project}'"
        self._authoring.change(what, "PATCH", body=body, content_type="application/merge-patch+json")

    def plan(self, asked: TrainingAsked, *, anew: bool = False) -> Plan:
        """Return what would be done; nothing is changed. Raises `CanNotTrain`."""
        project = self._project()
        run = None if anew else self._store.load_run(COMMAND, TrainingRun)
        if run and not _is_same(run, asked):
            raise CanNotTrain(
                f"A training of model '{run.label}' was interrupted that was asked for something else. Run it again "
                "with its own options, or give --anew to begin anew."
            )
        models = self._authoring.listed(Model, "models") or []
        labels = {one.label for one in models}
        history = self._store.history()
        last = history.last_training
        if run is None:
            if last is None or asked.label != last.label:
                _check_room(asked.label, labels)
            label = asked.label or _free_label(labels, self._clock())
            run = TrainingRun(asked=asked, label=label, began=self._clock())
            is_resumed = False
        else:
            is_resumed = True
        reviewed, left_out = self._collected(asked)
        new = sum(last is None or one.changed > last.learnt_until for one in reviewed)
        return Plan(project, run, is_resumed, tuple(reviewed), left_out, new, len(models), last)

    def _project(self) -> Project:
        project = self._authoring.find(Project)
        if project is None:
            raise CanNotTrain(
                f"There is no project '{self._authoring.project}' at this Language resource. Check the name, or create "
                "it: --create-in CONTAINER --language CODE."
            )
        if project.project_kind.casefold() != ENTITIES_KIND.casefold():
            raise CanNotTrain(
                f"Project '{project.project_name}' is of kind {project.project_kind}; people correct entities, so only "
                f"{ENTITIES_KIND} can be trained from reviews."
            )
        return project

    def _collected(self, asked: TrainingAsked) -> tuple[list[Reviewed], dict[str, tuple[str, ...]]]:
        """Return the documents that are learnt from, and those that are not by their reasons."""
        found = self._reader.collect(asked.prefix, with_replaced=asked.replaced)
        left_out: dict[str, list[str]] = defaultdict(list)
        for one in found.left_out:
            if one.name not in asked.unreviewed:
                left_out[one.reason.value].append(one.name)
        taken = {one.document.name: one for one in found.reviewed}
        for name in asked.unreviewed:
            if name not in taken:
                prediction = self._reader.prediction(name)
                if prediction:
                    taken[name] = prediction
                else:
                    left_out["it has no result, or its text is gone"].append(name)
        fitting = []
        # One text can lie in the training container and have labels only once: the first of these has it.
        texts: set[tuple[str, str]] = set()
        for reviewed in sorted(taken.values(), key=_newest_first):
            text = reviewed.name_in_intake, _digest(reviewed.document)
            reason = unfit(reviewed.document) or (SAME_TEXT if text in texts else "")
            if reason:
                left_out[reason].append(reviewed.document.name)
            else:
                texts.add(text)
                fitting.append(reviewed)
        return fitting, {reason: tuple(names) for reason, names in left_out.items()}

    # --- Doing it ---

    def run(self, plan: Plan, tell: Tell = tell_nobody) -> Trained:
        """Do what was planned, from where it was interrupted to its end.

        Raises `JobFailed` where the service can not train, `ServiceRefused`, `ServiceNotReached` and `LabelsError`.
        """
        self._authoring.tell = tell
        run = plan.run
        self._store.save_run(COMMAND, run)
        while True:
            match run.stage:
                case Stage.COLLECT:
                    run = self._collect(plan, run, tell)
                case Stage.MERGE:
                    run = self._merge(plan, run, tell)
                case Stage.TRAIN:
                    run = self._train(run, tell)
                case Stage.FOLLOW:
                    followed = self._follow(run, tell)
                    if isinstance(followed, Trained):
                        return followed
                    run = followed
            self._store.save_run(COMMAND, run)

    def _collect(self, plan: Plan, run: TrainingRun, tell: Tell) -> TrainingRun:
        """Put the texts into the training container."""
        of_project = plan.project.storage_input_container_name
        container = self._container(of_project)
        known = self._store.history().names
        names: dict[str, Reviewed] = {}
        for number, one in enumerate(plan.reviewed):
            tell("looking for texts in the training container", number / len(plan.reviewed))
            # The name that it had while it was the newest version: there its text lies since an earlier training.
            name = _place(container, replace(one.document, name=one.name_in_intake), known, names)
            names[name] = one
        self._store.add_names(
            {name: one.name_in_intake for name, one in names.items()},
            {name: one.etag for name, one in names.items()},
            self._address or of_project,
        )
        # From here on whoever purges a document finds it in the history; what was purged before is gone.
        gone = {name for name, one in names.items() if not self._reader.is_kept(one)}
        if gone:
            self._store.forget_texts(gone - known.keys())
        placed = {}
        for number, (name, one) in enumerate(names.items()):
            tell("bringing texts to the training container", number / len(names))
            if name not in gone:
                _put(container, name, one.document)
                placed[one.document.name] = Placed(name=name, sha256=_digest(one.document))
        history = self._store.history()
        for name, one in names.items():
            if one.document.name in placed and _is_erased(one, history):
                with contextlib.suppress(Missing):
                    container.delete(name)
                del placed[one.document.name]
        looked_at = [one.changed for one in plan.reviewed if one.document.name in placed and not one.is_prediction]
        learnt_until = max(looked_at, default=self._clock())
        return _with(run, stage=Stage.MERGE, placed=placed, learnt_until=learnt_until, reviewed=len(looked_at))

    def _merge(self, plan: Plan, run: TrainingRun, tell: Tell) -> TrainingRun:
        """Put the reviewed documents into the labels of the project."""
        while True:
            tell("exporting the labels of the project", None)
            exported = export_labels(self._authoring)
            history = self._store.history()
            documents, others = _in_training(plan.reviewed, run, history)
            erased = {name for name, document in history.names.items() if document in history.erased}
            try:
                merged = merge(exported, documents, others, run.asked.share, erased)
                tell("importing the labels into the project", None)
                import_labels(self._authoring, merged.content)
            except (LabelsError, JobFailed, ServiceRefused):
                # Nothing that is kept would help the next time; and who purges a document need not wait for that.
                self._store.end_run(COMMAND)
                raise
            if self._store.history().erased == history.erased:
                break
        return _with(
            run,
            stage=Stage.TRAIN,
            placed={},
            documents=merged.documents,
            tested=merged.tested,
            renamed=dict(merged.renamed),
        )

    def _train(self, run: TrainingRun, tell: Tell) -> TrainingRun:
        """Start the training, unless that was done before the command was interrupted."""
        tell("starting the training", None)
        job = self._found_job(run)
        if job is None and self._model(run.label) is None:
            body = {
                "modelLabel": run.label,
                "trainingConfigVersion": "latest",
                "evaluationOptions": {"kind": "manual"},
            }
            job = self._authoring.start(f"The training of model '{run.label}'", "POST", ":train", body=body)
        return _with(run, stage=Stage.FOLLOW, job=job or "")

    def _follow(self, run: TrainingRun, tell: Tell) -> Trained | TrainingRun:
        """Wait for the training to end, and keep what the model is worth."""
        what = f"The training of model '{run.label}'"
        job = run.job or self._found_job(run)
        ended: Job | None = None
        if job:
            try:
                ended = self._authoring.follow(
                    what, "train", "jobs", job, follow=lambda one: tell(f"training '{run.label}'", _part_of(one))
                )
            except JobFailed:
                self._store.end_run(COMMAND)
                raise
        if ended is None and self._model(run.label) is None:
            # No job and no model: the request did not arrive.
            return _with(run, stage=Stage.TRAIN, job="")
        return self._kept(run, [one.message for one in (ended.warnings if ended else None) or ()])

    def _kept(self, run: TrainingRun, warnings: Sequence[str]) -> Trained:
        model, quality = self._model(run.label), quality_of(measured_by(self._authoring, run.label))
        now = self._clock()
        self._store.add(
            Training(
                at=now,
                label=run.label,
                learnt_until=run.learnt_until or run.began,
                model_id=model.model_id if model else "",
                reviewed=run.reviewed,
                documents=run.documents,
                replaced=run.asked.replaced,
            )
        )
        self._store.add(Measured(at=now, label=run.label, quality=quality, documents=run.tested))
        self._store.end_run(COMMAND)
        renamed = [f"Category '{given}' is called '{name}' in the project." for given, name in run.renamed.items()]
        return Trained(run.label, quality, run.reviewed, run.documents, run.tested, (*renamed, *warnings))

    def _found_job(self, run: TrainingRun) -> str | None:
        """Return the id of the training job that this run has started without knowing; None where there is none."""
        jobs = self._authoring.listed(Job, "train", "jobs") or []
        own = [
            one
            for one in jobs
            if one.result
            and one.result.model_label == run.label
            and one.status.lower() in LIVE
            and _is_of_run(one.created_date_time, run.began)
        ]
        newest = max(own, key=lambda one: one.created_date_time, default=None)
        return newest.job_id if newest else None

    def _model(self, label: str) -> Model | None:
        return self._authoring.find(Model, "models", label)


def measured_by(authoring: Authoring, label: str) -> EntityEvaluation:
    """Return what a model is worth. Raises `NotEvaluated`."""
    summary = authoring.find(Summary, "models", label, "evaluation", "summary-result")
    found = summary.custom_entity_recognition_evaluation if summary else None
    if found is None:
        raise NotEvaluated(f"The service has no evaluation of model '{label}'; train it again.")
    return found


def quality_of(measured: EntityEvaluation) -> Quality:
    """Return what is kept of an evaluation."""
    return Quality(
        micro=measured.micro_f1,
        macro=measured.macro_f1,
        categories=tuple(
            CategoryQuality(
                category=name,
                f1=one.f1,
                precision=one.precision,
                recall=one.recall,
                labels=one.true_positive_count + one.false_negative_count,
            )
            for name, one in sorted(measured.entities.items())
        ),
    )


# --- Parts of the steps ---


def _check_room(label: str, labels: Iterable[str]) -> None:
    there = sorted(labels)
    if label in there:
        raise CanNotTrain(f"There is a model '{label}' already, and training would replace it. Choose another label.")
    if len(there) >= MAX_MODELS:
        raise CanNotTrain(
            f"The project has {len(there)} models; the limit is {MAX_MODELS}. 'python -m functions model prune' says "
            "which of them can go."
        )


def _free_label(labels: Iterable[str], now: datetime) -> str:
    """Return a label of the day that no model has."""
    there = set(labels)
    number = 1
    while (label := f"reviewed-{now:%Y%m%d}-{number}") in there:
        number += 1
    return label


def _is_same(run: TrainingRun, asked: TrainingAsked) -> bool:
    return asked == run.asked or (not run.asked.label and asked == _relabelled(run.asked, run.label))


def _relabelled(asked: TrainingAsked, label: str) -> TrainingAsked:
    return TrainingAsked(**{**_fields(asked), "label": label})


def _fields(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _with(run: TrainingRun, **changes: Any) -> TrainingRun:
    return TrainingRun(**{**_fields(run), **changes})


def without_document(run: TrainingRun, name: str, texts: Collection[str]) -> TrainingRun:
    """Return how far a training has come without a document that was purged; `texts` are those of its versions."""
    unreviewed = tuple(one for one in run.asked.unreviewed if one != name)
    return _with(
        run,
        asked=TrainingAsked(**{**_fields(run.asked), "unreviewed": unreviewed}),
        placed={document: one for document, one in run.placed.items() if document != name and one.name not in texts},
    )


def _place(container: Container, document: Document, known: Mapping[str, str], chosen: Collection[str]) -> str:
    """Return the name under which a document's text lies, or is to lie, in the training container.

    A text under the same name that is another one stays as it is: labels may count in it. So does one of another
    document, whatever its text: each is purged alone. `known` has the documents by names in the training container,
    `chosen` are names of other texts that are to lie there.
    """
    content = document.text.encode()
    for name in (training_name(document.name), training_name(document.name, document.text)):
        is_own = name not in chosen and known.get(name, document.name) == document.name
        if is_own and _lies_there(container, name, content) is not False:
            return name
    raise _occupied(name, document)


def _lies_there(container: Container, name: str, content: bytes) -> bool | None:
    """Whether a text lies in the training container; None where nothing does under its name."""
    try:
        return container.read(name).data.removeprefix(b"\xef\xbb\xbf") == content
    except Missing:
        return None


def _put(container: Container, name: str, document: Document) -> None:
    content = document.text.encode()
    try:
        container.write(name, content, if_absent=True, content_type=TEXT_TYPE)
    except Changed:
        if _lies_there(container, name, content) is False:
            raise _occupied(name, document) from None


def _occupied(name: str, document: Document) -> CanNotTrain:
    return CanNotTrain(
        f"'{name}' in the training container, where the text of '{document.name}' belongs, has another content, which "
        "is not written over. Move it away."
    )


def _is_erased(one: Reviewed, history: ModelHistory) -> bool:
    """Whether a document was purged after its review."""
    at = history.erased.get(one.name_in_intake)
    return at is not None and one.changed <= at


def _newest_first(one: Reviewed) -> tuple[bool, bool, float]:
    """Return what reviewed documents are sorted by, newest versions of all first, predictions last."""
    return one.is_prediction, bool(one.newest), -one.changed.timestamp() if one.newest else 0.0


def _digest(document: Document) -> str:
    return hashlib.sha256(document.text.encode()).hexdigest()


def _in_training(
    reviewed: Sequence[Reviewed], run: TrainingRun, history: ModelHistory
) -> tuple[list[Document], dict[str, tuple[str, ...]]]:
    """Return documents under their names in the training container, and the names of other versions of each.

    What has changed since the texts were brought there waits for the next training.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for name, document in history.names.items():
        names[document].append(name)
    documents, others = [], {}
    for one in reviewed:
        placed = run.placed.get(one.document.name)
        if not placed or placed.sha256 != _digest(one.document) or _is_erased(one, history):
            continue
        if history.names.get(placed.name) == one.name_in_intake:
            documents.append(replace(one.document, name=placed.name))
            others[placed.name] = tuple(name for name in names[one.name_in_intake] if name != placed.name)
    return documents, others


def _part_of(job: Job) -> float | None:
    """Return how much of a training is done: half of it is the evaluation."""
    if job.result is None:
        return None
    return (job.result.training_status.percent_complete + job.result.evaluation_status.percent_complete) / 200


def _is_of_run(created: str, began: datetime) -> bool:
    """Whether a job was created in a run, give or take how far two clocks differ."""
    try:
        at = datetime.fromisoformat(created)
    except ValueError:
        return True
    return (began - at).total_seconds() < 300
