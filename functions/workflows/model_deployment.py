"""Brings a model under the name that the app asks for, takes it back, and removes models that are not needed.

A model is deployed as a candidate first. It is compared with the deployed one on the test set of both, and on the last
documents of the app, and takes its place by a swap: no document meets a deployment that is being changed, and the model
before it stays deployed under the candidate's name, from where it can be taken back.

A swap is the one step that must not be done twice, for the second undoes the first. So what is wanted is kept before,
and after an interruption it is looked which model answers before anything is done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..core.model_comparison import Answers, Comparison, Decision, Reason, agreement, compare, decide
from ..core.model_history import Deployed, Measured
from ..core.records import Moment, Record
from ..core.scoring import Counts
from ..errors import EntityDropError
from ..language.authoring import Deployment, Model
from ..storage.model_store import ModelStore
from .authoring_jobs import POLL_S, Authoring, Tell, tell_nobody
from .last_documents import LastDocuments
from .model_evaluation import ModelEvaluation, between
from .model_training import quality_of

COMMAND: Final = "swap"

SWAP_TAKES: Final = timedelta(seconds=60)
"""A swap takes 3 s (recorded). After so long one that cannot be seen has not been asked for."""


class CanNotDeploy(EntityDropError):
    """Something stands in the way of a deployment; the message says what, and what to do."""


class SwapWanted(Record, frozen=True, kw_only=True):
    """A swap that may have been asked for."""

    deployment: str
    candidate: str
    model_id: str
    """What answers under the deployment's name when it is done."""
    label: str
    previous: str = ""
    at: Moment
    is_rollback: bool = False
    undone: str = ""
    """The label that a rollback takes back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a deployment."""

    label: str
    previous: str | None
    """The label of the model that was deployed before; None for none."""
    decision: Decision
    on_test_set: Comparison | None
    """None where nothing was deployed before, or its evaluation is gone."""
    last: "Last | None"


class Last(NamedTuple):
    """Two models on the last documents of the app."""

    documents: int
    alike: Counts
    """What both have found; F1 is their agreement."""
    reviewed: Comparison
    """On those of them that people have reviewed; the candidate may have learnt from them."""
    unanswered: int
    """Documents that the candidate gave no answer about."""


class ModelDeployment:
    """Deploys models of one project. `last` reads and asks about the last documents."""

    def __init__(
        self,
        authoring: Authoring,
        evaluation: ModelEvaluation,
        store: ModelStore,
        last: LastDocuments,
        clock: Callable[[], datetime],
    ) -> None:
        self._authoring = authoring
        self._evaluation = evaluation
        self._store = store
        self._last = last
        self._clock = clock

    def deploy(
        self,
        label: str | None,
        deployment: str,
        candidate: str,
        *,
        margin: float,
        last: int,
        is_forced: bool = False,
        tell: Tell = tell_nobody,
    ) -> Outcome:
        """Deploy a model, without a label the newest, as candidate, compare it, and swap if it is better."""
        self._authoring.tell = tell
        self.finish(tell)
        model = self._evaluation.model(label)
        deployments = self._evaluation.deployments()
        current = deployments.get(deployment)
        if current is None:
            self._put(model, deployment, tell)
            self._keep(deployment, model.label, "")
            decision = decide(None, None, margin, is_forced=is_forced)
            return Outcome(model.label, None, decision, None, None)
        before = self._evaluation.model_of(current, self._evaluation.models())
        if current.model_id == model.model_id:
            return Outcome(model.label, model.label, Decision(False, Reason.THERE), None, None)
        there = deployments.get(candidate)
        if there is None or there.model_id != model.model_id:
            self._put(model, candidate, tell)
        tell("comparing on the test set", None)
        on_test_set = self._compared(model, before)
        found = self._on_last(candidate, last, tell) if last else None
        on_reviewed = found.reviewed if found and found.reviewed.documents else None
        decision = decide(on_test_set or Comparison(), on_reviewed, margin, is_forced=is_forced)
        if decision.swaps:
            self._swap(deployment, candidate, model, before.label if before else "", tell)
        return Outcome(model.label, before.label if before else current.model_id, decision, on_test_set, found)

    def rollback(self, deployment: str, candidate: str, tell: Tell = tell_nobody) -> tuple[str, str]:
        """Take the last deployment back: one step. Return the labels of the model that answers now and of the other."""
        self._authoring.tell = tell
        finished = self.finish(tell)
        if finished and finished.is_rollback and finished.deployment == deployment:
            return finished.label, finished.undone
        current, models = self._evaluation.deployed_model(deployment), self._evaluation.models()
        last = self._store.history().current(deployment)
        if last is None or current is None or last.label != current.label or not last.previous:
            raise CanNotDeploy(
                f"It is not known which model answered as '{deployment}' before this one. 'model list' shows the "
                "models; 'model deploy LABEL --even-if-worse' deploys one of them."
            )
        previous = next((one for one in models if one.label == last.previous), None)
        if previous is None:
            raise CanNotDeploy(f"Model '{last.previous}', which answered before, is gone; train and deploy another.")
        there = self._evaluation.deployments().get(candidate)
        if there is None or there.model_id != previous.model_id:
            self._put(previous, candidate, tell)
        self._swap(deployment, candidate, previous, current.label, tell, is_rollback=True)
        return previous.label, current.label

    def finish(self, tell: Tell = tell_nobody) -> SwapWanted | None:
        """Bring a swap to its end that was interrupted, and return it; None where there is none, or none happened."""
        wanted = self._store.load_run(COMMAND, SwapWanted)
        if wanted is None:
            return None
        tell("finishing the swap that was interrupted", None)
        while not self._is_swapped(wanted):
            if self._clock() - wanted.at > SWAP_TAKES:
                # Nothing was asked for, or it has failed: whoever wants it decides anew.
                self._store.end_run(COMMAND)
                return None
            self._authoring.pause(POLL_S)
        self._keep(wanted.deployment, wanted.label, wanted.previous)
        self._store.end_run(COMMAND)
        return wanted

    # --- Steps ---

    def _put(self, model: Model, name: str, tell: Tell) -> None:
        tell(f"deploying '{model.label}' as '{name}'", None)
        what = f"The deployment of model '{model.label}' as '{name}'"
        parts = ("deployments", name)
        self._authoring.do(what, "PUT", parts, (*parts, "jobs"), {"trainedModelLabel": model.label})

    def _compared(self, model: Model, before: Model | None) -> Comparison | None:
        if before is None:
            return None
        tested = self._evaluation.tested(model.label)
        self._store.add(
            Measured(
                at=self._clock(), label=model.label, quality=quality_of(tested.measured), documents=tested.documents
            )
        )
        return between(tested, self._evaluation.tested(before.label))

    def _on_last(self, candidate: str, number: int, tell: Tell) -> Last:
        tell("asking the candidate about the last documents", None)
        there = list(self._last.read(number))
        answers, unanswered = self._last.ask(there, candidate)
        found: Answers = {one.name: one.found for one in there}
        reviewed: Answers = {one.name: one.reviewed for one in there if one.reviewed is not None}
        return Last(len(there), agreement(answers, found), compare(reviewed, answers, found), unanswered)

    def _swap(
        self, deployment: str, candidate: str, model: Model, previous: str, tell: Tell, *, is_rollback: bool = False
    ) -> None:
        tell(f"swapping '{deployment}' and '{candidate}'", None)
        wanted = SwapWanted(
            deployment=deployment,
            candidate=candidate,
            model_id=model.model_id,
            label=model.label,
            # After a rollback there is no step further back.
            previous="" if is_rollback else previous,
            at=self._clock(),
            is_rollback=is_rollback,
            undone=previous if is_rollback else "",
        )
        self._store.save_run(COMMAND, wanted)
        what = f"The swap of '{deployment}' and '{candidate}'"
        body = {"firstDeploymentName": deployment, "secondDeploymentName": candidate}
        try:
            job = self._authoring.start(what, "POST", "deployments", ":swap", body=body)
            if job:
                self._authoring.follow(what, "deployments", "swap", "jobs", job)
        except EntityDropError:
            if not self._is_swapped(wanted):
                self._store.end_run(COMMAND)
                raise
        self.finish(tell)
        if not self._is_swapped(wanted):
            raise CanNotDeploy(f"{what} was asked for and has not happened. Run the same command again.")

    def _is_swapped(self, wanted: SwapWanted) -> bool:
        current: Deployment | None = self._evaluation.deployments().get(wanted.deployment)
        return current is not None and current.model_id == wanted.model_id

    def _keep(self, deployment: str, label: str, previous: str) -> None:
        self._store.add(Deployed(at=self._clock(), deployment=deployment, label=label, previous=previous))

    # --- Models that are not needed ---

    def removable(self, keep: int) -> tuple[list[Model], list[Model]]:
        """Return the models that can go, and those that stay: the newest `keep`, and those that are deployed."""
        models = self._evaluation.models()
        deployed = {one.model_id for one in self._evaluation.deployments().values()}
        stay = [one for number, one in enumerate(models) if number < keep or one.model_id in deployed]
        return [one for one in models if one not in stay], stay

    def remove(self, labels: Sequence[str]) -> Iterator[str]:
        """Delete the models of these labels and yield each; raises `CanNotDeploy` before any where one is deployed."""
        models = {one.label: one for one in self._evaluation.models()}
        deployments = self._evaluation.deployments().values()
        for label in labels:
            users = [one.deployment_name for one in deployments if label in models
                     and one.model_id == models[label].model_id]  # fmt: skip
            if users:
                raise CanNotDeploy(f"Model '{label}' is deployed as '{users[0]}' and stays.")
        for label in labels:
            # One that is gone already was deleted before an interruption.
            if label in models:
                self._authoring.change(f"Deleting model '{label}'", "DELETE", "models", label)
            yield label
