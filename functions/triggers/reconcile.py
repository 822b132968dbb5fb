"""The trigger for documents whose event never came: every night, and by hand (docs/deploy.md)."""

import azure.functions as func

from ..workflows.reconcile import Reconcile


def blueprint(comparison: Reconcile) -> func.Blueprint:
    """Return the timer trigger of the nightly comparison."""
    trigger = func.Blueprint()

    @trigger.function_name("reconcile")
    @trigger.timer_trigger(arg_name="timer", schedule="0 30 2 * * *")
    def reconcile(timer: func.TimerRequest) -> None:
        comparison.run()

    return trigger
