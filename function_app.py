"""The platform's entry: builds the app from its settings and registers its triggers."""

import os

import azure.functions as func

from functions import telemetry
from functions.app import connect
from functions.settings import Settings
from functions.triggers import polling as advance
from functions.triggers import reconcile, rescue, sweep
from functions.triggers import submission as submit

# First of all, so that whatever is wrong is in one message; what telemetry needs is checked with the rest.
settings = Settings.from_env(os.environ)
telemetry.configure(os.environ)
entity_drop = connect(settings)

app = func.FunctionApp()
for trigger in (submit, advance, sweep, reconcile, rescue):
    app.register_functions(trigger.blueprint(entity_drop))
