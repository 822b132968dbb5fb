"""The trigger for jobs that nobody is driving: every five minutes."""

import azure.functions as func

from ..workflows.sweep import Sweep


def blueprint(overdue_jobs: Sweep) -> func.Blueprint:
    """Return the timer trigger of the sweep."""
    trigger = func.Blueprint()

    @trigger.function_name("sweep")
    @trigger.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
    def sweep(timer: func.TimerRequest) -> None:
        overdue_jobs.run()

    return trigger
