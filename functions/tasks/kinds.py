"""The table of the kinds of tasks; to add one, see CONTRIBUTING.md."""

from collections.abc import Mapping

from .classification import CustomMultiLabelClassification, CustomSingleLabelClassification
from .custom_entities import CustomEntityRecognition
from .healthcare import Healthcare
from .key_phrases import KeyPhraseExtraction
from .pii import PiiEntityRecognition
from .prebuilt_entities import EntityRecognition

Task = (
    CustomEntityRecognition
    | CustomSingleLabelClassification
    | CustomMultiLabelClassification
    | EntityRecognition
    | PiiEntityRecognition
    | Healthcare
    | KeyPhraseExtraction
)
"""One kind of analysis with its parameters, told apart by `kind`."""

KINDS: Mapping[str, type[Task]] = {
    "CustomEntityRecognition": CustomEntityRecognition,
    "CustomSingleLabelClassification": CustomSingleLabelClassification,
    "CustomMultiLabelClassification": CustomMultiLabelClassification,
    "EntityRecognition": EntityRecognition,
    "PiiEntityRecognition": PiiEntityRecognition,
    "Healthcare": Healthcare,
    "KeyPhraseExtraction": KeyPhraseExtraction,
}
"""Every kind by the service's name for it."""
