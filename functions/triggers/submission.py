"""The trigger for documents: a blob in the intake container."""

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob

from ..settings import Settings
from ..workflows.batching import Submitter


def blueprint(submitter: Submitter, settings: Settings) -> func.Blueprint:
    """Return the blob trigger. It is given the blob's client, so the host does not carry the content."""
    trigger = func.Blueprint()

    @trigger.function_name("submit")
    @trigger.blob_trigger(
        arg_name="client",
        path=f"{settings.input_container}/{{name}}",
        connection="DocumentStorage",
        source=func.BlobSource(settings.blob_trigger_source),
    )
    def submit(client: blob.BlobClient, context: func.Context) -> None:
        # Event Grid does not apply the path: an event for another container must not reach the intake's names.
        if client.container_name == settings.input_container:
            submitter.submit(client.blob_name, context.trace_context.trace_parent)

    return trigger
