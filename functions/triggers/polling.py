"""The trigger for jobs: a message on the job queue."""

import azure.functions as func

from ..app import EntityDrop
from ..workflows.polling import advance as take_one_step


def blueprint(app: EntityDrop) -> func.Blueprint:
    """Return the queue trigger of the job queue."""
    trigger = func.Blueprint()

    @trigger.function_name("advance")
    @trigger.queue_trigger(arg_name="message", queue_name=app.settings.job_queue, connection="DocumentStorage")
    def advance(message: func.QueueMessage) -> None:
        take_one_step(app, message.get_body())

    return trigger
