"""Runs MiniStack, with six differences from AWS mended. Started with MiniStack's own interpreter, not the project's.

MiniStack ends a Python worker whose handler raised, and reports every exception to Step Functions as
``Runtime.HandlerError``. AWS keeps the environment and reports the exception's class name, which is what Retry and
Catch match. So a worker answers with the failure as its result, and it is made an error again here.

MiniStack's Step Functions takes an event the bus refused for published. In AWS the state fails with
``EventBridge.FailedEntry``: https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html

MiniStack has AdminDeleteUser, but its Step Functions does not know that there is a Cognito.

MiniStack's own LOG_LEVEL reaches the Lambda workers, where Powertools' logger would take it for theirs and stay silent.
And MiniStack holds back the answer of a function that logs nothing for 50 ms, in case a line still comes.

MiniStack's workers have no handler for the standard library's loggers. Lambda's has, and with the log format JSON it
writes what a line says besides its message as fields:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html

With a file's name in PROMPTMILL_DECISIONS, what is decided on the requests of roles is written there, each decision
once.

``sys.argv[1]`` is a folder with the SAM translator, which MiniStack needs to expand the template, and cryptography,
without which its Cognito signs tokens with noise. It is appended to this process's path only: Lambda workers must not
see it, so that a dependency missing from the layer fails here too.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.append(sys.argv.pop(1))

from ministack.app import main
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, stepfunctions

os.environ.pop("LOG_LEVEL", None)
DECISIONS_FILE = os.environ.pop("PROMPTMILL_DECISIONS", "")

FAILURE = "promptmill_handler_failure"
_ENDS_THE_WORKER = """
            _real_stdout.write(json.dumps({"status": "error", "error": str(e), "trace": traceback.format_exc()})"""
_KEEPS_THE_WORKER = f"""
            traceback.print_exc()
            failure = {{"errorType": type(e).__name__, "errorMessage": str(e)}}
            _real_stdout.write(json.dumps({{"status": "ok", "result": {{"{FAILURE}": failure}}}})"""
_BEGINS_THE_WORKER = """
import sys, json, importlib, traceback, os, time
"""
_LOGS_AS_LAMBDA_DOES = """
import logging

class JsonLine(logging.Formatter):
    OWN = {*vars(logging.makeLogRecord({})), "message", "asctime"}

    def format(self, record):
        line = {"timestamp": self.formatTime(record), "level": record.levelname, "message": record.getMessage()}
        line["logger"] = record.name
        if record.exc_info:
            line["errorType"], line["stackTrace"] = record.exc_info[0].__name__, self.formatException(record.exc_info)
        return json.dumps({**line, **{k: v for k, v in vars(record).items() if k not in self.OWN}}, default=str)

logging.root.addHandler(logging.StreamHandler(sys.stderr))
logging.root.handlers[0].setFormatter(JsonLine())
"""
FIRST_LINE_WAIT_SECONDS = 0.01
_run = lambda_svc._execute_function  # noqa: SLF001


def _execute_function(func: dict[str, Any], event: Any) -> dict[str, Any]:
    result: dict[str, Any] = _run(func, event)
    body = result.get("body")
    if isinstance(body, dict) and FAILURE in body:
        return {**result, "body": body[FAILURE], "error": True}
    return result


_worker = lambda_runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
for _there, _instead in (
    (_ENDS_THE_WORKER, _KEEPS_THE_WORKER),
    (_BEGINS_THE_WORKER, _BEGINS_THE_WORKER + _LOGS_AS_LAMBDA_DOES),
):
    if _there not in _worker:
        raise RuntimeError("this MiniStack's Python worker is not the one this file was written for")
    _worker = _worker.replace(_there, _instead)
lambda_runtime._PYTHON_WORKER_SCRIPT = _worker  # noqa: SLF001
lambda_svc._execute_function = _execute_function  # noqa: SLF001
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (FIRST_LINE_WAIT_SECONDS, 0.005, 0.25)  # noqa: SLF001

_put_events = stepfunctions._SERVICE_DISPATCH["arn:aws:states:::events:putEvents"]  # noqa: SLF001


def _put_events_or_fail(resource: str, arguments: Any) -> Any:
    result = _put_events(resource, arguments)
    if result.get("FailedEntryCount"):
        raise stepfunctions._ExecutionError("EventBridge.FailedEntry", json.dumps(result))  # noqa: SLF001
    return result


stepfunctions._SERVICE_DISPATCH["arn:aws:states:::events:putEvents"] = _put_events_or_fail  # noqa: SLF001

stepfunctions._AWS_SDK_SERVICE_MAP["cognitoidentityprovider"] = {  # noqa: SLF001
    "target_prefix": "AWSCognitoIdentityProviderService",
    "protocol": "json",
    "service_key": "cognito-idp",
}
stepfunctions._AWS_SDK_ERROR_PREFIX["cognitoidentityprovider"] = "CognitoIdentityProvider"  # noqa: SLF001


_enforce = iam_evaluator.enforce
_decisions: set[str] = set()


def _enforce_and_note(
    access_key_id: str, action: str, service: str, region: str, resource_arn: str = "*", **more: Any
) -> Any:
    denied = _enforce(access_key_id, action, service, region, resource_arn=resource_arn, **more)
    identity = iam_evaluator.resolve_caller_identity(access_key_id)
    if identity and ":assumed-role/" in identity["userArn"] and not isinstance(denied, iam_evaluator.AuthError):
        role = identity["userArn"].split("/")[1]
        line = json.dumps({"role": role, "action": action, "resource": resource_arn, "allowed": denied is None})
        if line not in _decisions:
            _decisions.add(line)
            with Path(DECISIONS_FILE).open("a") as file:
                file.write(f"{line}\n")
    return denied


if DECISIONS_FILE:
    iam_evaluator.enforce = _enforce_and_note


def _end_with_parent() -> None:
    # os.read, not sys.stdin: a thread that holds a buffered reader's lock would abort the interpreter's exit.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main()
