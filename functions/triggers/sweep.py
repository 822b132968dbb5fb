"""The trigger for jobs that nobody is driving: every five minutes."""

import azure.functions as func

from ..app import EntityDrop
from ..workflows.sweep import sweep as put_back_overdue_jobs


def blueprint(app: EntityDrop) -> func.Blueprint:
    """Return the timer trigger of the sweep."""
    trigger = func.Blueprint()

    @trigger.function_name("sweep")
    @trigger.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
    def sweep(timer: func.TimerRequest) -> None:
        put_back_overdue_jobs(app)

    return trigger
