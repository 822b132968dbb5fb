"""The trigger for jobs: a message on the job queue."""

import azure.functions as func

from ..workflows.polling import Poller


def blueprint(poller: Poller, job_queue: str) -> func.Blueprint:
    """Return the queue trigger of the job queue."""
    trigger = func.Blueprint()

    @trigger.function_name("advance")
    @trigger.queue_trigger(arg_name="message", queue_name=job_queue, connection="DocumentStorage")
    def advance(message: func.QueueMessage) -> None:
        poller.advance(message.get_body())

    return trigger
