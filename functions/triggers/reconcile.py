"""The trigger for documents whose event never came: every night, and by hand (docs/deploy.md)."""

import azure.functions as func

from ..app import EntityDrop
from ..workflows.reconcile import reconcile as compare_containers


def blueprint(app: EntityDrop) -> func.Blueprint:
    """Return the timer trigger of the nightly comparison."""
    trigger = func.Blueprint()

    @trigger.function_name("reconcile")
    @trigger.timer_trigger(arg_name="timer", schedule="0 30 2 * * *")
    def reconcile(timer: func.TimerRequest) -> None:
        compare_containers(app)

    return trigger
