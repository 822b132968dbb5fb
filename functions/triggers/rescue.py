"""The triggers for what failed five times: the host's two poison queues."""

import azure.functions as func

from ..app import EntityDrop
from ..storage.poison_queue import BLOB_POISON_QUEUE
from ..workflows import rescue


def blueprint(app: EntityDrop) -> func.Blueprint:
    """Return the queue triggers of the two poison queues."""
    trigger = func.Blueprint()

    @trigger.function_name("rescue_document")
    @trigger.queue_trigger(arg_name="message", queue_name=BLOB_POISON_QUEUE, connection="DocumentStorage")
    def rescue_document(message: func.QueueMessage) -> None:
        rescue.rescue_document(app, message.get_body(), message.expiration_time)

    @trigger.function_name("rescue_job")
    @trigger.queue_trigger(
        arg_name="message", queue_name=f"{app.settings.job_queue}-poison", connection="DocumentStorage"
    )
    def rescue_job(message: func.QueueMessage) -> None:
        rescue.rescue_job(app, message.get_body())

    return trigger
