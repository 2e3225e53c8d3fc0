"""Starts the mock and the router, runs every case of every client against every provider type, and reports."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import check_anthropic  # noqa: F401
import check_frameworks  # noqa: F401
import check_langchain  # noqa: F401
import check_ollama  # noqa: F401
import check_openai  # noqa: F401
from cases import CASES, ENDS

HERE = pathlib.Path(__file__).resolve().parent
KINDS = ["openai", "vllm", "ollama", "lmstudio", "anthropic"]


def main():
    parser = argparse.ArgumentParser(description="The official clients through llm-router.")
    parser.add_argument("--place", type=pathlib.Path, required=True, help="where the clients are installed")
    parser.add_argument("--direct", action="store_true", help="against the mock itself: is the mock what clients expect?")
    parser.add_argument("--only", default="", help="only clients, cases or provider types with this word")
    parser.add_argument("binary", nargs="?", type=pathlib.Path, default=HERE.parents[1] / "target/debug/llm-router")
    options = parser.parse_args()
    if not options.binary.exists():
        sys.exit(f"{options.binary} is not there: cargo build first")
    with tempfile.TemporaryDirectory() as folder, Processes(options.binary, pathlib.Path(folder)) as processes:
        mocks = {kind: processes.mock("engine=vllm" if kind == "vllm" else "") for kind in KINDS[: 1 if options.direct else None]}
        if options.direct:
            processes.steer(mocks["openai"], "strict models=m-direct")
            base, kinds = mocks["openai"], ["direct"]
        else:
            base, kinds = processes.router(mocks), KINDS
        results = python_cases(base, kinds, options.only) + node_cases(base, kinds, options)
    sys.exit(report(results, kinds))


def python_cases(base, kinds, only):
    """Every provider type has a thread: much of the time is waiting for a provider that asked to be left alone."""
    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        parts = pool.map(lambda kind: cases_of(kind, base, only), kinds)
        return [result for part in parts for result in part]


def cases_of(kind, base, only):
    results = []
    model = "m-direct" if kind == "direct" else f"m-{kind}"
    for client, name, function, skip in CASES:
        if kind in skip or only not in f"{client} {name} {kind}":
            continue
        try:
            function(base, model)
            failure = None
        except Exception as error:  # noqa: BLE001
            failure = f"{type(error).__name__}: {error}"
        results.append({"client": client, "name": name, "kind": kind, "failure": failure})
    return results


def node_cases(base, kinds, options):
    node = shutil.which("node")
    if not node:
        print("node is not there: its clients are not run")
        return []
    pairs = [f"m-{kind}={kind}" for kind in kinds]
    command = [node, HERE / "check_node.mjs", options.place, base, *pairs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        return [{"client": "node", "name": "start", "kind": kinds[0], "failure": done.stderr[-600:]}]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return [r for r in results if options.only in f"{r['client']} {r['name']} {r['kind']}"]


def report(results, kinds):
    rows = {}
    for result in results:
        rows.setdefault((result["client"], result["name"]), {})[result["kind"]] = result["failure"]
    print(f"{'client':20} {'case':20} " + " ".join(f"{kind:10}" for kind in kinds))
    for (client, name), row in rows.items():
        marks = ("-" if kind not in row else "ok" if row[kind] is None else "FAILED" for kind in kinds)
        print(f"{client:20} {name:20} " + " ".join(f"{mark:10}" for mark in marks))
    failed = [result for result in results if result["failure"]]
    for result in failed:
        print(f"\n{result['client']}, {result['name']}, {result['kind']}: {result['failure'][:600]}")
    print(f"\n{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


class Processes:
    """The processes of a run; all end with it."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.running = binary, folder, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def mock(self, script):
        process = subprocess.Popen(
            [self.binary, "mock", "--listen", "127.0.0.1:0", "--script", script], stdout=subprocess.PIPE, text=True
        )
        self.running.append(process)
        return process.stdout.readline().split()[-1]

    @staticmethod
    def steer(base, script):
        urllib.request.urlopen(urllib.request.Request(f"{base}/mock/script", script.encode(), method="POST"), timeout=10)

    def router(self, mocks):
        models = {}
        for kind, base in mocks.items():
            for end, script in ENDS.items():
                mark = f"[[mock {script}]]" if script else ""
                provider = {"id": f"{kind}{end}", "api_host": base, "api_token": "", "api_type": kind,
                            "input_size": 8192, "model_path": f"up{mark}", "weight": 1.0}
                models[f"m-{kind}{end}"] = {"providers": [provider]}
        config = self.folder / "models-config.json"
        config.write_text(json.dumps({"all": models, "active_models": {"all": list(models)}}))
        log = (self.folder / "router.log").open("w")
        environment = {**os.environ, "LLM_ROUTER_MODELS_CONFIG": str(config), "LLM_ROUTER_SERVER_HOST": "127.0.0.1"}
        port = free_port()
        process = subprocess.Popen(
            [self.binary, "serve", "--port", str(port)], cwd=self.folder, env=environment, stdout=log, stderr=log
        )
        self.running.append(process)
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/api/ping", process, self.folder / "router.log")
        return base


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url, process, log):
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=1)
            return
        except OSError:
            if process.poll() is not None:
                sys.exit(f"the router did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
    sys.exit(f"nothing answers at {url}:\n{log.read_text()[-2000:]}")


if __name__ == "__main__":
    main()
