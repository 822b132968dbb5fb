"""The rules of the prebuilt kinds: what is found, how it is masked, and that slices are answered like wholes."""

import pytest

from local.language_service.prebuilt import (
    PrebuiltParameters,
    detected_language,
    entities,
    healthcare,
    key_phrases,
    pii,
    redacted,
)
from tests.local.language_service.material import CHART, MESSAGE

PLAIN = PrebuiltParameters()


def categories(found: list) -> list[tuple[str, str]]:
    return [(one.category, one.text) for one in found]


def test_entities_follow_rules() -> None:
    assert categories(entities(MESSAGE, PLAIN)) == [
        ("Person", "Jane Foster"),
        ("Organization", "Kearney Bank"),
        ("PhoneNumber", "555-123-4567"),
        ("DateTime", "3 May 2021"),
        ("Quantity", "$2,500.00"),
        ("Email", "jane.foster@example.com"),
        ("Quantity", "859"),
        ("Quantity", "98"),
        ("Quantity", "0987"),
        ("Quantity", "12"),
        ("Location", "Berlin"),
    ]


def test_personal_information_follows_rules() -> None:
    assert categories(pii(MESSAGE, PLAIN)) == [
        ("Person", "Jane Foster"),
        ("Organization", "Kearney Bank"),
        ("PhoneNumber", "555-123-4567"),
        ("DateTime", "3 May 2021"),
        ("Email", "jane.foster@example.com"),
        ("USSocialSecurityNumber", "859-98-0987"),
        ("Address", "12 Elm Street"),
    ]


@pytest.mark.parametrize(
    ("number", "is_found"), [("4111 1111 1111 1111", True), ("4111 1111 1111 1112", False), ("4012888888881881", True)]
)
def test_card_numbers_are_checked(number: str, is_found: bool) -> None:
    found = pii(f"Paid with {number}.", PLAIN)
    assert any(one.category == "CreditCardNumber" for one in found) is is_found


def test_health_domain_leaves_organizations_out() -> None:
    found = pii(MESSAGE, PrebuiltParameters(domain="phi"))
    assert "Organization" not in {one.category for one in found}
    assert "Person" in {one.category for one in found}


def test_categories_can_be_chosen() -> None:
    only = PrebuiltParameters(included=frozenset({"Person", "Email"}), excluded=frozenset({"Email"}))
    assert categories(pii(MESSAGE, only)) == [("Person", "Jane Foster")]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (PLAIN, "Call *********** now."),
        (PrebuiltParameters(masking_character="#"), "Call ########### now."),
        (PrebuiltParameters(mask="entityMask"), "Call [PERSON] now."),
        (PrebuiltParameters(mask="noMask"), "Call Jane Foster now."),
    ],
)
def test_masks_follow_policy(parameters: PrebuiltParameters, expected: str) -> None:
    text = "Call Jane Foster now."
    assert redacted(text, pii(text, parameters), parameters) == expected


def test_healthcare_names_links_and_asserts() -> None:
    found, _ = healthcare(CHART)
    by_text = {one.found.text: one for one in found}
    assert by_text["metformin"].links == (("UMLS", "C0025598"),)
    assert by_text["chest pain"].assertion == {"certainty": "negative"}
    assert by_text["diabetes"].assertion == {"association": "other"}
    assert by_text["fever"].assertion == {}
    assert by_text["chest pain"].name == "Chest Pain"


def test_relations_tie_to_nearest_medication() -> None:
    found, relations = healthcare(CHART)
    spelled = [(one.kind, *(found[place].found.text for place, _ in one.roles)) for one in relations]
    assert spelled == [
        ("DosageOfMedication", "500 mg", "metformin"),
        ("FrequencyOfMedication", "twice daily", "metformin"),
        ("DosageOfMedication", "81 mg", "aspirin"),
        ("RouteOfMedication", "orally", "aspirin"),
    ]


def test_key_phrases_stop_at_common_words() -> None:
    assert key_phrases("The interest rate of the loan agreement is fixed. The interest rate is low.") == [
        "interest rate",
        "loan agreement",
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The dog is in the house with the cat.", "en"),
        ("Der Hund ist mit der Katze im Haus.", "de"),
        ("Le chien est dans la maison avec le chat.", "fr"),
        ("12345", "en"),
    ],
)
def test_language_is_told_by_common_words(text: str, code: str) -> None:
    assert detected_language(text)["iso6391Name"] == code


def test_slices_are_answered_like_whole() -> None:
    text = f"{MESSAGE}\n" * 40
    whole = pii(text, PLAIN)
    start = text.index("\n", 1500) + 1
    later = [one._replace(offset=one.offset + start) for one in pii(text[start:], PLAIN)]
    assert later == [one for one in whole if one.offset >= start]
