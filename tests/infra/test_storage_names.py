"""Containers and queues: what the app and the host ask for is there before they ask."""

from functions.settings import Settings
from tests.infra.bicep import Deployment
from tests.infra.templates import app_settings, event_subscription, provision
from tests.infra.test_settings import concrete

NAMED = {"INPUT_CONTAINER": "inbox", "OUTPUT_CONTAINER": "outbox", "STATE_CONTAINER": "records", "JOB_QUEUE": "work"}


def containers(deployment: Deployment) -> set[str]:
    kind = "Microsoft.Storage/storageAccounts/blobServices/containers"
    return {resource.name for resource in deployment.of_type(kind)}


def queues(deployment: Deployment) -> set[str]:
    return {resource.name for resource in deployment.of_type("Microsoft.Storage/storageAccounts/queueServices/queues")}


def test_every_container_and_queue_of_the_app_is_created_under_its_configured_name() -> None:
    deployment = provision(**NAMED)
    settings = Settings.from_env(concrete(app_settings(deployment)))
    wanted = {settings.input_container, settings.output_container, settings.state_container}
    assert wanted == {"inbox", "outbox", "records"}
    assert wanted <= containers(deployment)
    assert queues(deployment) == {settings.job_queue, f"{settings.job_queue}-poison", "webjobs-blobtrigger-poison"}


def test_every_other_container_has_a_user() -> None:
    deployment = provision(**NAMED)
    site = deployment.one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]["deployment"]["storage"]
    dead_letters = event_subscription(deployment.outputs)["deadLetterWithResourceIdentity"]["deadLetterDestination"]
    others = containers(deployment) - {"inbox", "outbox", "records"}
    assert others == {
        site["value"].rsplit(">", 1)[1],
        dead_letters["properties"]["blobContainerName"],
        deployment.outputs["TRAINING_CONTAINER"],
    }


def test_containers_are_private() -> None:
    for container in provision().of_type("Microsoft.Storage/storageAccounts/blobServices/containers"):
        assert container.body["properties"]["publicAccess"] == "None"
