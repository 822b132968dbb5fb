"""One HTTP function at function level, which tells what the platform told the app."""

import os

import azure.functions as func

app = func.FunctionApp()
HOSTNAME = os.environ["WEBSITE_HOSTNAME"]  # there from the start, as under Core Tools


@app.route(route="hello")
def hello(req: func.HttpRequest) -> func.HttpResponse:
    principal = req.headers.get("x-ms-client-principal-id", "nobody")
    return func.HttpResponse(f"{HOSTNAME} {os.environ.get('WEBSITE_AUTH_ENABLED')} {principal}")
