"""``python -m local up|down|demo|sign-in|receive-webhooks``: the Makefile is how the first three are to be run."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from local.stack import ROOT, Stack, StackError, down, is_alive, read_stack, up

FOLDER = ROOT / ".local"


def stack_folder() -> Path:
    """Of the stack whose ``env`` this shell has read, or of the one that `make up` starts."""
    return Path(os.environ.get("PROMPTMILL_STACK") or FOLDER)


def running_stack() -> Stack:
    """The stack of ``stack_folder``; raises ``StackError`` when it is not running."""
    folder = stack_folder()
    stack = read_stack(folder)
    if stack is None or not is_alive(stack.pid, folder):
        raise StackError("the local stack is not running: `make up` starts it")
    return stack


def receive_webhooks(port: int, secret: str | None, count: int | None) -> bool:
    """Prints what webhooks bring to this machine, until so many have come or until Ctrl-C.

    Whether no signature was wrong.
    """
    from local.webhook_receiver import WebhookReceiver

    folder = stack_folder()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        receiver = WebhookReceiver(folder, port, secret, lambda text: print(text, flush=True), count=count)
    except (OSError, ValueError) as error:
        raise StackError(f"cannot receive webhooks: {error}") from error
    with receiver, contextlib.suppress(KeyboardInterrupt):
        print(f"Receiving webhooks at {receiver.url} until {f'{count} have come' if count else 'Ctrl-C'}", flush=True)
        receiver.serve_forever()
    return receiver.all_hold


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "demo", "sign-in", "receive-webhooks"])
    parser.add_argument("--fresh", action="store_true", help="with up: start empty")
    parser.add_argument("--email", help="with sign-in: whose access token to print")
    parser.add_argument("--role", choices=["operator", "admin"], help="with sign-in: what they are besides a user")
    parser.add_argument("--secret", help="with receive-webhooks: the webhook's, to check signatures with")
    parser.add_argument("--port", type=int, default=8443, help="with receive-webhooks: where to listen (%(default)s)")
    parser.add_argument("--count", type=int, help="with receive-webhooks: how many to wait for; until Ctrl-C without")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "up":
                stack = up(FOLDER, fresh=arguments.fresh)
                print(f"The API is at {stack.api_url}")
                print("A token for it: .venv/bin/python -m local sign-in")
                for kind, is_real in (("text", stack.real_text_model), ("image", stack.real_image_model)):
                    print(
                        f"{kind.capitalize()} requests go to "
                        + ("a real model" if is_real else "a stand-in: no model is called")
                    )
                print(f"Everything else is in {FOLDER.relative_to(ROOT)}/stack.json")
            case "down":
                print("Stopped." if down(FOLDER) else "Nothing was running.")
            case "demo":
                from local.demo import run_demo

                return run_demo(FOLDER / "demo")
            case "sign-in":
                from local.sign_in import sign_in

                email = arguments.email or f"{arguments.role or 'user'}@example.com"
                if "@" not in email.strip("@"):
                    parser.error(f"not an e-mail address: {email}")
                print(sign_in(running_stack(), email, role=arguments.role).access)
            case "receive-webhooks":
                return 0 if receive_webhooks(arguments.port, arguments.secret, arguments.count) else 1
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
