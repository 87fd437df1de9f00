"""``python -m local up|down|demo``: see the Makefile, which is how these are meant to be run."""

from __future__ import annotations

import argparse
import sys

from local.stack import ROOT, StackError, down, up

FOLDER = ROOT / ".local"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "demo"])
    parser.add_argument("--fresh", action="store_true", help="with up: start empty")
    arguments = parser.parse_args()
    try:
        match arguments.command:
            case "up":
                stack = up(FOLDER, fresh=arguments.fresh)
                print(f"The API is at {stack.api_url}")
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
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
