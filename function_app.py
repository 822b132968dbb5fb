"""The platform's entry: builds the app from its settings and registers its triggers."""

import os

import azure.functions as func

from functions import telemetry
from functions.app import connect
from functions.settings import Settings
from functions.triggers import http, polling, reconcile, rescue, submission, sweep

# First of all, so that whatever is wrong is in one message; what telemetry needs is checked with the rest.
settings = Settings.from_env(os.environ)
telemetry.configure(os.environ)
entity_drop = connect(settings)

app = func.FunctionApp()
blueprints = [
    submission.blueprint(entity_drop.submitter, settings),
    polling.blueprint(entity_drop.poller, settings.job_queue),
    sweep.blueprint(entity_drop.sweep),
    reconcile.blueprint(entity_drop.reconcile),
    rescue.blueprint(entity_drop.rescue, settings.job_queue),
]
if settings.web != "off":
    blueprints.append(http.blueprint(settings.web, lambda: entity_drop.web))
for blueprint in blueprints:
    app.register_functions(blueprint)
