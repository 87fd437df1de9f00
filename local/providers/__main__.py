"""Start the stand-in providers: `python -m local.providers --port 0 --bedrock-endpoint http://127.0.0.1:4566`.

Prints `{"port": N}` as one line when it listens, and ends with status 0 on SIGTERM or SIGINT.
"""

import argparse
import json
import os
import signal
import threading


def main() -> None:
    arguments = _arguments()
    from local.providers.routes import Routes, Settings
    from local.providers.server import StandInServer

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    settings = Settings(arguments.bedrock_endpoint, arguments.llm_url or None, os.environ.get("PROMPTMILL_LLM_MODEL"))
    with StandInServer(arguments.port, Routes(settings)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        print(json.dumps({"port": server.port}), flush=True)
        if arguments.until_eof:
            threading.Thread(target=_stop_at_eof, args=(stopped,), daemon=True).start()
        stopped.wait()
        server.shutdown()


def _stop_at_eof(stopped: threading.Event) -> None:
    # os.read, not sys.stdin: a thread that holds a buffered reader's lock would abort the interpreter's exit.
    while os.read(0, 4096):
        pass
    stopped.set()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.providers", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--bedrock-endpoint", required=True, help="base URL of MiniStack")
    parser.add_argument(
        "--llm-url",
        default=os.environ.get("PROMPTMILL_LLM_URL"),
        help="OpenAI-compatible endpoint to use in place of the stand-in model (PROMPTMILL_LLM_URL); "
        "PROMPTMILL_LLM_MODEL replaces the model id sent to it",
    )
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    for url in filter(None, (arguments.bedrock_endpoint, arguments.llm_url)):
        if not url.startswith(("http://", "https://")):
            parser.error(f"not an HTTP URL: {url}")
    return arguments


if __name__ == "__main__":
    main()
