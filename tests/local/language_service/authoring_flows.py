"""The official authoring client goes through every flow; run in `.venv-authoring`, which has it.

`python authoring_flows.py ARGUMENTS`, where ARGUMENTS are JSON; prints what the client's user sees, as JSON.
"""

import json
import sys
import time
import urllib.request
from typing import Any

from azure.ai.textanalytics.authoring import TextAuthoringClient, TextAuthoringProjectClient
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest

ARGUMENTS = json.loads(sys.argv[1])
KEY = AzureKeyCredential("local")
VERSION = ARGUMENTS["version"]
# Polling without a pause: the stand-in's clock moves with each request.
FAST = {"polling_interval": 0}
FAILED = object()


def parent(address: str) -> TextAuthoringClient:
    return TextAuthoringClient(address, KEY, api_version=VERSION)


def project(name: str, address: str = ARGUMENTS["address"]) -> TextAuthoringProjectClient:
    # get_project_client() of the parent drops its api_version.
    return TextAuthoringProjectClient(address, KEY, project_name=name, api_version=VERSION)


def refused(call: Any) -> list[Any]:
    """What a call is refused with: status and code."""
    try:
        call()
    except HttpResponseError as error:
        return [error.status_code, error.error.code if error.error else None]
    return [0, None]


def job_of(poller: Any) -> dict[str, Any]:
    return poller.polling_method()._pipeline_response.http_response.json()


def create(name: str, kind: str = "CustomEntityRecognition", container: str = "letters") -> Any:
    details = {
        "projectKind": kind,
        "storageInputContainerName": container,
        "projectName": name,
        "language": "en-us",
        "description": "Letters",
    }
    return parent(ARGUMENTS["address"]).create_project(name, details)


def projects() -> dict[str, Any]:
    client = parent(ARGUMENTS["address"])
    created = create("made")
    again = create("made")
    listed = [one.project_name for one in client.list_projects()]
    paged = [one.project_name for one in client.list_projects(maxpagesize=1)]
    shown = project("made").project.get_project()
    client.begin_delete_project("made", **FAST).result()
    return {
        "created": [created.project_name, created.project_kind, created.language],
        "again": again.created_on.year,
        "listed": listed,
        "paged": paged,
        "shown": shown.description,
        "deleted": refused(project("made").project.get_project),
        "bad name": refused(lambda: create("no blanks")),
    }


def exported(client: TextAuthoringProjectClient, **options: Any) -> dict[str, Any]:
    poller = client.project.begin_export(string_index_type="Utf16CodeUnit", **options, **FAST)
    poller.result()
    return client.send_request(HttpRequest("GET", job_of(poller)["resultUrl"])).json()


def import_into(client: TextAuthoringProjectClient, name: str, labels: dict[str, Any]) -> dict[str, Any]:
    """Import labels, and give the job as it ends."""
    if VERSION == "2023-04-01":
        # For this version the client's own begin_import refuses a parameter that it adds itself (1.0.0b1).
        path = f"/authoring/analyze-text/projects/{name}/:import?api-version={VERSION}"
        reply = client.send_request(HttpRequest("POST", path, json=labels))
        reply.raise_for_status()
        while True:
            job = client.send_request(HttpRequest("GET", reply.headers["operation-location"])).json()
            if job["status"] in ("succeeded", "failed"):
                return job
    poller = client.project.begin_import(body=labels, **FAST)
    try:
        poller.result()
    except HttpResponseError as error:
        if "jobId" not in error.response.json():
            raise
    return job_of(poller)


def imported(name: str, labels: dict[str, Any]) -> TextAuthoringProjectClient:
    create(name, labels["metadata"]["projectKind"], labels["metadata"]["storageInputContainerName"])
    client = project(name)
    assert import_into(client, name, labels)["status"] == "succeeded"
    return client


def labels() -> dict[str, Any]:
    client = imported("exchange", ARGUMENTS["labels"])
    mixed = json.loads(json.dumps(ARGUMENTS["labels"]))
    mixed["assets"]["documents"][0]["language"] = "de"
    failed = import_into(client, "exchange", mixed)["errors"][0]["code"]
    other = mixed | {"metadata": mixed["metadata"] | {"projectKind": "CustomMultiLabelClassification"}}
    return {
        "same": exported(client)["assets"] == ARGUMENTS["labels"]["assets"],
        "mixed languages": failed,
        "kinds": refused(lambda: import_into(client, "exchange", other)),
        "unit": refused(lambda: client.project.begin_export(string_index_type="TextElements_v8", **FAST)),
    }


def train(client: TextAuthoringProjectClient, label: str, kind: str = "manual") -> Any:
    options = {"kind": kind}
    if kind == "percentage":
        options |= {"trainingSplitPercentage": 75, "testingSplitPercentage": 25}
    body = {"modelLabel": label, "trainingConfigVersion": "latest", "evaluationOptions": options}
    return client.project.begin_train(body=body, **FAST)


def training() -> dict[str, Any]:
    client = imported("training", ARGUMENTS["labels"])
    poller = train(client, "one")
    conflicts = refused(lambda: train(client, "two"))
    states = []
    while not poller.done():
        states.append(poller.status())
        time.sleep(0.01)
    result = poller.result()
    model = client.trained_model.get_trained_model("one")
    summary = client.trained_model.get_model_evaluation_summary("one")
    evaluation = summary.custom_entity_recognition_evaluation
    results = list(client.trained_model.list_model_evaluation_results("one", string_index_type="Utf16CodeUnit"))
    train(client, "split", "percentage").result()
    small = imported("small", ARGUMENTS["small"])
    try:
        train(small, "one").result()
        too_small = None
    except HttpResponseError as error:
        too_small = error.response.json()["errors"][0]["code"]
    return {
        "states": list(dict.fromkeys(states)),
        "conflicts": conflicts,
        "result": [result.model_label, result.training_config_version, result.training_status.status],
        "warnings": job_of(poller)["warnings"],
        "model": [model.label, model.model_id.startswith("one-"), model.has_snapshot, str(model.model_expired_on)],
        "f1": [evaluation.micro_f1, evaluation.macro_f1],
        "categories": sorted(evaluation.entities),
        "rows": [
            round(sum(cell["normalizedValue"] for cell in row.values()), 6)
            for row in summary.as_dict()["customEntityRecognitionEvaluation"]["confusionMatrix"].values()
            if row
        ],
        "tested": [one.location for one in results],
        "predicted": len(results[0].custom_entity_recognition_result.entities[0].predicted_entities),
        "jobs": [one.status for one in client.project.list_training_jobs()],
        "models": [one.label for one in client.project.list_trained_models()],
        "snapshot": exported(client, trained_model_label="one")["assets"] == ARGUMENTS["labels"]["assets"],
        "too small": too_small,
        "unknown": refused(lambda: client.trained_model.get_trained_model("none")),
        "loaded": client.trained_model.begin_load_snapshot("one", **FAST).status(),
    }


def classes() -> dict[str, Any]:
    found = {}
    for kind, content in ARGUMENTS["classes"].items():
        client = imported(f"classes-{kind}", content)
        train(client, "one", "percentage").result()
        summary = client.trained_model.get_model_evaluation_summary("one").as_dict()
        found[kind] = sorted(next(value for key, value in summary.items() if key.endswith("Evaluation")))
    return found


def cancelling() -> dict[str, Any]:
    client = imported("cancelling", ARGUMENTS["labels"])
    train(client, "one")
    job_id = next(one.job_id for one in client.project.list_training_jobs())
    cancel = client.project.begin_cancel_training_job(job_id, **FAST)
    states = []
    # The client knows 'canceled' only, so it would poll for ever.
    for _ in range(60):
        state = next(one.status for one in client.project.list_training_jobs())
        states.append(str(getattr(state, "value", state)))
        if states[-1] == "cancelled":
            break
    return {
        "accepted": cancel.status().lower(),
        "states": list(dict.fromkeys(states)),
        "models": [one.label for one in client.project.list_trained_models()],
        "again": refused(lambda: client.project.begin_cancel_training_job(job_id, **FAST)),
    }


def deploy(client: TextAuthoringProjectClient, name: str, label: str) -> Any:
    return client.deployment.begin_deploy_project(name, body={"trainedModelLabel": label}, **FAST).result()


def deploying() -> dict[str, Any]:
    client = imported("deploying", ARGUMENTS["labels"])
    for label in ("old", "new"):
        train(client, label).result()
    deploy(client, "production", "old")
    deploy(client, "candidate", "new")
    ids = {one.label: one.model_id for one in client.project.list_trained_models()}
    before = {one.deployment_name: one.model_id for one in client.project.list_deployments()}
    names = {"firstDeploymentName": "production", "secondDeploymentName": "candidate"}
    client.project.begin_swap_deployments(body=names, **FAST).result()
    after = {one.deployment_name: one.model_id for one in client.project.list_deployments()}
    shown = client.deployment.get_deployment("production")
    kept = refused(lambda: client.trained_model.delete_trained_model("new"))
    client.deployment.begin_delete_deployment("candidate", **FAST).result()
    client.trained_model.delete_trained_model("old")
    left = [one.label for one in client.project.list_trained_models()]
    request = urllib.request.Request(
        ARGUMENTS["address"] + "/admin/authoring",
        data=json.dumps({"deploymentExpirationDate": "2026-10-27"}).encode(),
        method="PUT",
    )
    urllib.request.urlopen(request).read()
    return {
        "before": before == {"production": ids["old"], "candidate": ids["new"]},
        "after": after == {"production": ids["new"], "candidate": ids["old"]},
        "expires": str(shown.deployment_expired_on),
        "moved": str(client.deployment.get_deployment("production").deployment_expired_on),
        "deployed model": kept,
        "left": left,
        "unknown model": refused(lambda: deploy(client, "x", "none")),
        "gone": refused(lambda: client.deployment.get_deployment("candidate")),
        "itself": refused(
            lambda: client.project.begin_swap_deployments(
                body={"firstDeploymentName": "production", "secondDeploymentName": "production"}, **FAST
            )
        ),
    }


def limits() -> dict[str, Any]:
    address = ARGUMENTS["limited"]
    client = TextAuthoringProjectClient(address, KEY, project_name="loans", api_version=VERSION, retry_total=0)

    def post() -> None:
        client.project.begin_export(string_index_type="Utf16CodeUnit", polling=False)

    posts = [refused(post)[0] for _ in range(12)]
    gets = [refused(client.project.get_project)[0] for _ in range(102)]
    wrong = TextAuthoringProjectClient(address, AzureKeyCredential("x"), project_name="loans", api_version=VERSION)
    return {"posts": posts.index(429), "gets": gets.index(429), "key": refused(wrong.project.get_project)[0]}


def global_lists() -> dict[str, Any]:
    client = parent(ARGUMENTS["address"])
    kind = "CustomEntityRecognition"
    (version,) = client.list_training_config_versions(project_kind=kind)
    return {
        "languages": len(list(client.list_supported_languages(project_kind=kind, maxpagesize=20))),
        "version": [version.training_config_version, str(version.model_expired_on)],
        "served": [one.deployment_name for one in project("loans").project.list_deployments()],
    }


FLOWS = [projects, labels, training, classes, cancelling, deploying, limits, global_lists]

if __name__ == "__main__":
    print(json.dumps({flow.__name__: flow() for flow in FLOWS}))
