"""What models are worth: the service's own evaluation, compared document by document with the deployed model and with
the results that lie in the output container."""

from dataclasses import dataclass

from ..core.model_comparison import Answers, Comparison, compare
from ..core.model_history import ModelHistory
from ..core.results import entities_name
from ..core.scoring import Span
from ..errors import EntityDropError, Missing, UnsafeName
from ..language.authoring_service import Deployment, EntityEvaluation, Marked, Model, TestedDocument
from ..storage.document_store import DocumentStore
from ..tasks.custom_entities import EntitiesResult
from ..tasks.task import decoded_result
from .authoring_jobs import Authoring
from .evaluating import spans_of
from .model_training import NotEvaluated, measured_by


class NoSuchModel(EntityDropError):
    """A model that is not there; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A model on its test set."""

    label: str
    measured: EntityEvaluation
    labelled: Answers
    """By the names in the training container, in UTF-16 code units."""
    found: Answers

    @property
    def documents(self) -> int:
        """How many documents the test set has."""
        return len(self.labelled)


class ModelEvaluation:
    """Evaluates the models of one project."""

    def __init__(self, authoring: Authoring, documents: DocumentStore) -> None:
        self._authoring = authoring
        self._documents = documents

    def models(self) -> list[Model]:
        """Return the trained models, the newest first. Raises `NoSuchModel` where there is no such project."""
        found = self._authoring.listed(Model, "models")
        if found is None:
            raise NoSuchModel(f"There is no project '{self._authoring.project}' at this Language resource.")
        return sorted(found, key=lambda one: one.last_trained_date_time, reverse=True)

    def model(self, label: str | None) -> Model:
        """Return a model, without a label the newest. Raises `NoSuchModel`."""
        models = self.models()
        found = next((one for one in models if label in (None, one.label)), None)
        if found is None:
            known = ", ".join(f"'{one.label}'" for one in models) or "none"
            raise NoSuchModel(f"There is no model '{label or 'at all'}' in this project; there are {known}.")
        return found

    def deployments(self) -> dict[str, Deployment]:
        """Return the deployments by their names."""
        return {one.deployment_name: one for one in self._authoring.listed(Deployment, "deployments") or []}

    def deployed_model(self, deployment: str) -> Model | None:
        """Return the model that answers under a name; None where nothing does, or a model that is gone."""
        found = self.deployments().get(deployment)
        return self.model_of(found, self.models()) if found else None

    @staticmethod
    def model_of(deployment: Deployment, models: list[Model]) -> Model | None:
        """Return the model that a deployment runs; None where it is none of them."""
        return next((one for one in models if one.model_id == deployment.model_id), None)

    def compared(self, candidate: Tested, other: Model) -> Comparison:
        """Compare two models on the documents in the test sets of both: none, where the other was never evaluated."""
        try:
            return between(candidate, self.tested(other.label))
        except NotEvaluated:
            return Comparison()

    def tested(self, label: str) -> Tested:
        """Return what a model is worth, and what it has found in each document of its test set.

        Raises `NotEvaluated`.
        """
        measured = measured_by(self._authoring, label)
        parts = ("models", label, "evaluation", "result")
        found = self._authoring.listed(TestedDocument, *parts, query="&stringIndexType=Utf16CodeUnit") or []
        labelled: dict[str, list[Span]] = {}
        answers: dict[str, list[Span]] = {}
        for one in found:
            regions = one.custom_entity_recognition_result.entities if one.custom_entity_recognition_result else []
            labelled[one.location] = [_span(each) for region in regions for each in region.expected_entities]
            answers[one.location] = [_span(each) for region in regions for each in region.predicted_entities]
        return Tested(label, measured, labelled, answers)

    def in_container(self, tested: Tested, history: ModelHistory) -> Comparison:
        """Compare a model with the results that lie in the output container of the documents of its test set.

        `history` knows documents that have another name in the training container, and at which version they lie
        there: results of another version count in another text and are left out.
        """
        results: dict[str, list[Span]] = {}
        for location in tested.labelled:
            found = self._result(history.names.get(location, location), history.etags.get(location))
            if found is not None:
                results[location] = found
        return compare(tested.labelled, tested.found, results)

    def _result(self, name: str, etag: str | None) -> list[Span] | None:
        try:
            data = self._documents.read_result(entities_name(name)).data
        except (Missing, UnsafeName):
            return None
        result = decoded_result(data, EntitiesResult)
        if not isinstance(result, EntitiesResult) or etag not in (None, result.document.etag):
            return None
        return spans_of(result)


def between(candidate: Tested, other: Tested) -> Comparison:
    """Compare two models on the documents that are in the test sets of both.

    The labels are those that the candidate was tested with, which are the newer ones.
    """
    return compare(candidate.labelled, candidate.found, other.found)


def _span(one: Marked) -> Span:
    return Span(one.category, one.offset, one.length)
