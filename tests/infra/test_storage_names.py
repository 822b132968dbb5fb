"""Containers and queues: what the app and the host ask for is there before they ask."""

from functions.settings import Settings
from tests.infra.bicep import Deployment
from tests.infra.templates import app_settings, event_subscription, provision, storage_accounts, within
from tests.infra.test_settings import concrete

NAMED = {"INPUT_CONTAINER": "inbox", "OUTPUT_CONTAINER": "outbox", "STATE_CONTAINER": "records", "JOB_QUEUE": "work"}


def containers(deployment: Deployment) -> set[str]:
    """Return the containers of the documents' account."""
    account, _ = storage_accounts(deployment)
    return within(account, deployment, "Microsoft.Storage/storageAccounts/blobServices/containers")


def queues(deployment: Deployment) -> set[str]:
    """Return the queues of the documents' account."""
    account, _ = storage_accounts(deployment)
    return within(account, deployment, "Microsoft.Storage/storageAccounts/queueServices/queues")


def test_configured_containers_and_queues_are_created() -> None:
    deployment = provision(**NAMED)
    settings = Settings.from_env(concrete(app_settings(deployment)))
    wanted = {settings.input_container, settings.output_container, settings.state_container}
    assert wanted == {"inbox", "outbox", "records"}
    assert wanted <= containers(deployment)
    assert queues(deployment) == {settings.job_queue, f"{settings.job_queue}-poison", "webjobs-blobtrigger-poison"}


def test_every_other_container_has_user() -> None:
    deployment = provision(**NAMED)
    dead_letters = event_subscription(deployment.outputs)["deadLetterWithResourceIdentity"]["deadLetterDestination"]
    others = containers(deployment) - {"inbox", "outbox", "records"}
    assert others == {
        dead_letters["properties"]["blobContainerName"],
        deployment.outputs["TRAINING_CONTAINER"],
    }


def test_host_account_holds_only_package() -> None:
    """The host makes its own containers and queues there, beside those of `AzureWebJobsStorage`'s settings."""
    deployment = provision(**NAMED)
    documents, host = storage_accounts(deployment)
    site = deployment.one("Microsoft.Web/sites").body["properties"]["functionAppConfig"]["deployment"]["storage"]
    address, package = site["value"].rsplit(">", 1)
    assert within(host, deployment, "Microsoft.Storage/storageAccounts/blobServices/containers") == {package}
    assert within(host, deployment, "Microsoft.Storage/storageAccounts/queueServices/queues") == set()
    settings = app_settings(deployment)
    for service in ("blob", "queue"):
        assert (
            settings[f"AzureWebJobsStorage__{service}ServiceUri"]
            == f"<{host.name}.properties.primaryEndpoints.{service}>"
        )
        assert (
            settings[f"DocumentStorage__{service}ServiceUri"]
            == f"<{documents.name}.properties.primaryEndpoints.{service}>"
        )
    assert f"{address}>" == settings["AzureWebJobsStorage__blobServiceUri"]


def test_containers_are_private() -> None:
    for container in provision().of_type("Microsoft.Storage/storageAccounts/blobServices/containers"):
        assert container.body["properties"]["publicAccess"] == "None"
