"""The trigger for jobs: a message on the job queue."""

import azure.functions as func

from ..storage.job_queue import Receipt, Received
from ..workflows.polling import Poller


def blueprint(poller: Poller, job_queue: str) -> func.Blueprint:
    """Return the queue trigger of the job queue."""
    trigger = func.Blueprint()

    @trigger.function_name("advance")
    @trigger.queue_trigger(arg_name="message", queue_name=job_queue, connection="DocumentStorage")
    def advance(message: func.QueueMessage) -> None:
        poller.advance(message.get_body(), received(message))

    return trigger


def received(message: func.QueueMessage) -> Received | None:
    """Return what it takes to change a message in work; None where the host does not tell."""
    if not message.id or not message.pop_receipt or not message.dequeue_count:
        return None
    return Received(Receipt(message.id, message.pop_receipt), message.dequeue_count)
