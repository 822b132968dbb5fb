"""Finds the functions of an app: imports `function_app.py`, reads the decorators and checks what this host can drive.

The rules of the Python worker's indexing (azure_functions_runtime 1.3.0, `loader.py` and `functions.py`): one
`FunctionApp` in the module, and exactly the handler's parameters that the bindings name, `context` aside.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import sys
import traceback
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.functions as func
from azure.functions import meta
from azurefunctions.extensions import base

from local.functions_host.errors import StartError
from local.functions_host.host_json import parse_time_span

TRIGGERS = ("blobTrigger", "queueTrigger", "timerTrigger", "httpTrigger")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed run is repeated before it counts as failed, and with which delays."""

    strategy: str
    max_retries: int
    first_delay_s: float
    max_delay_s: float

    def delay_s(self, retry: int) -> float:
        """Return the pause before the `retry`-th repetition, counted from 1; exponential ones double."""
        if self.strategy == "fixed_delay":
            return self.first_delay_s
        return float(min(self.max_delay_s, self.first_delay_s * 2 ** (retry - 1)))


@dataclass(frozen=True, slots=True)
class AppFunction:
    """One function of the app: what starts it, and how its code is called."""

    name: str
    trigger: Mapping[str, Any]
    handler: Callable[..., Any]
    parameter: str
    annotation: Any
    is_async: bool
    wants_context: bool
    retry: RetryPolicy | None = None

    @property
    def id(self) -> str:
        """The name that the real host uses in storage and in blob messages."""
        return f"Host.Functions.{self.name}"

    @property
    def type(self) -> str:
        """The trigger's type, one of `TRIGGERS`."""
        return str(self.trigger["type"])

    @property
    def takes_sdk_type(self) -> bool:
        """The parameter is an SDK client, so the host passes the blob's name instead of its content."""
        return self.type == "blobTrigger" and is_sdk_type(self.annotation)


def is_sdk_type(annotation: Any) -> bool:
    """Tell whether the annotation is one of the SDK types of `azurefunctions-extensions-bindings-*`."""
    return bool(base.get_binding_registry() and base.get_binding_registry().check_supported_type(annotation))


def load_app(folder: Path) -> list[AppFunction]:
    """Import the app in `folder` and return its functions; raises `StartError` listing every problem."""
    functions = read_functions(_import_app(folder))
    if not functions:
        raise StartError([f"The app in '{folder}' has no functions; register one with a trigger decorator."])
    return functions


def read_functions(app: func.FunctionRegister) -> list[AppFunction]:
    """Return the functions of an app; raises `StartError` listing every problem."""
    problems: list[str] = []
    if base.HttpV2FeatureChecker.http_v2_enabled():
        # The real host would then hand all HTTP requests to a server inside the worker.
        problems.append(
            f"The app imports '{base.ModuleTrackerMeta.get_module()}', which streams HTTP requests; this host does not "
            "know that. Use func.HttpRequest and func.HttpResponse."
        )
    try:
        declared = app.get_functions()
    except Exception as exc:
        raise StartError([f"The app's functions cannot be indexed: {exc}"]) from exc
    functions = [found for each in declared if (found := _read_function(each, problems))]
    names = [function.name.lower() for function in functions]
    problems += [
        f"Two functions are called '{name}'; rename one." for name in sorted(set(names)) if names.count(name) > 1
    ]
    if problems:
        raise StartError(problems)
    return functions


def _import_app(folder: Path) -> func.FunctionApp:
    script = os.environ.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (folder / script).is_file():
        raise StartError([f"There is no '{script}' in '{folder.resolve()}'; name the app's folder with --app."])
    sys.path.insert(0, str(folder.resolve()))
    try:
        module = importlib.import_module(script.removesuffix(".py"))
    except (Exception, SystemExit) as exc:
        raise StartError([f"'{script}' cannot be imported ({_where(exc)}): {exc}"]) from exc
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise StartError([f"'{script}' must hold exactly one FunctionApp object at its top; it holds {len(apps)}."])
    return typing.cast(func.FunctionApp, apps[0])


def _where(exc: BaseException) -> str:
    frames = traceback.extract_tb(exc.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(exc).__name__}{place}"


def _read_function(declared: Any, problems: list[str]) -> AppFunction | None:
    name = declared.get_function_name()
    trigger = declared.get_trigger()
    if trigger is None or trigger.get_dict_repr().get("type") not in TRIGGERS:
        kind = trigger.get_dict_repr().get("type") if trigger else "none"
        problems.append(f"Function '{name}': its trigger is {kind}; this host drives {', '.join(TRIGGERS)} only.")
        return None
    others = [
        binding.name for binding in declared.get_bindings() if binding is not trigger and not _is_http_answer(binding)
    ]
    if others:
        problems.append(
            f"Function '{name}': input and output bindings ({', '.join(others)}) are not driven by this host; "
            "use a client of the storage SDK in the function."
        )
        return None
    settings = trigger.get_dict_repr()
    handler = declared.get_user_function()
    parameters = set(inspect.signature(handler).parameters) - {"context"}
    if parameters != {settings["name"]}:
        problems.append(
            f"Function '{name}': its parameters are ({', '.join(sorted(parameters))}), its binding is called "
            f"'{settings['name']}'; give the parameter that name."
        )
        return None
    retry = _read_retry(name, settings["type"], declared.get_settings_dict("retry_policy"), problems)
    function = AppFunction(
        name=name,
        trigger=settings,
        handler=handler,
        parameter=settings["name"],
        annotation=typing.get_type_hints(handler).get(settings["name"]),
        is_async=inspect.iscoroutinefunction(handler),
        wants_context="context" in inspect.signature(handler).parameters,
        retry=retry,
    )
    problems += _annotation_problems(function)
    return function


def _is_http_answer(binding: Any) -> bool:
    """Whether a binding is the return value of an HTTP function, which is its answer."""
    return bool(binding.type == "http" and binding.name == "$return")


def _annotation_problems(function: AppFunction) -> list[str]:
    annotation = function.annotation
    if annotation in (None, str, bytes) or function.takes_sdk_type:
        return []
    converter = meta.get_binding_registry().get(function.type)
    if isinstance(annotation, type) and converter.check_input_type_annotation(annotation):
        return []
    return [
        f"Function '{function.name}': parameter '{function.parameter}' is annotated {annotation!r}, "
        f"which a {function.type} does not give."
    ]


def _read_retry(name: str, kind: str, policy: Mapping[str, Any] | None, problems: list[str]) -> RetryPolicy | None:
    if not policy:
        return None
    if kind != "timerTrigger":
        # Blob and queue messages are tried again by their dequeue count; a policy on top would multiply the attempts.
        problems.append(f"Function '{name}': a retry policy on a {kind} is not driven by this host; remove it.")
        return None
    settings = {re.sub(r"[^a-z]", "", key.lower()): value for key, value in policy.items()}
    try:
        first = parse_time_span(settings.get("delayinterval") or settings.get("minimuminterval") or "")
        return RetryPolicy(
            strategy=str(settings["strategy"]),
            max_retries=int(settings["maxretrycount"]),
            first_delay_s=first,
            max_delay_s=parse_time_span(settings.get("maximuminterval") or settings.get("delayinterval") or ""),
        )
    except (KeyError, ValueError) as exc:
        problems.append(f"Function '{name}': its retry policy cannot be read: {exc}.")
        return None


def describe(functions: Sequence[AppFunction]) -> str:
    """Return the functions and their triggers in one line, for the start message."""
    return ", ".join(f"{function.name} ({function.type.removesuffix('Trigger')})" for function in functions)
