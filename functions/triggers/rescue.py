"""The triggers for what failed five times: the host's two poison queues."""

import azure.functions as func

from ..storage.poison_queue import BLOB_POISON_QUEUE
from ..workflows.rescue import Rescue


def blueprint(rescue: Rescue, job_queue: str) -> func.Blueprint:
    """Return the queue triggers of the two poison queues."""
    trigger = func.Blueprint()

    @trigger.function_name("rescue_document")
    @trigger.queue_trigger(arg_name="message", queue_name=BLOB_POISON_QUEUE, connection="DocumentStorage")
    def rescue_document(message: func.QueueMessage) -> None:
        rescue.rescue_document(message.get_body(), message.expiration_time)

    @trigger.function_name("rescue_job")
    @trigger.queue_trigger(arg_name="message", queue_name=f"{job_queue}-poison", connection="DocumentStorage")
    def rescue_job(message: func.QueueMessage) -> None:
        rescue.rescue_job(message.get_body())

    return trigger
