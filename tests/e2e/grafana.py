#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""grafana.py FEED ORPHANCTL SOCKET FOLDER: a real Prometheus scrapes the daemon whose feed is at FEED, roots are killed,
and every query of the dashboard must answer with data; the alert rules must load, and the one that tells of ended orphans
must fire. FOLDER takes what Prometheus writes."""
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

FEED, ORPHANCTL, SOCKET, FOLDER = sys.argv[1:]
PACKAGING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging")
DEADLINE = time.monotonic() + 75
VARIABLES = {"$instance": ".*", "$__rate_interval": "15s", "$__range": "1m", "$__interval": "5s"}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


PORT = free_port()


def ask(path, **parameters):
    """What Prometheus answers; a query that it refuses ends the test with its words."""
    url = f"http://127.0.0.1:{PORT}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{parameters or path}: {error.read().decode()}")


def until(condition, what):
    while not (found := condition()):
        if time.monotonic() > DEADLINE:
            sys.exit(f"waited too long: {what() if callable(what) else what}")
        time.sleep(0.2)
    return found


def is_ready():
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{PORT}/-/ready", timeout=5).status == 200
    except OSError:
        return False


def kill_a_root():
    """An incident with one survivor, who is gone when this returns."""
    script = "sleep 60 & echo ready; wait"
    with subprocess.Popen([ORPHANCTL, "--socket", SOCKET, "run", "--name", "grafana", "--", "/bin/sh", "-c", script],
                          stdout=subprocess.PIPE) as root:
        root.stdout.readline()
        root.kill()
        root.stdout.read()  # ends with the last who holds it: the survivor


def start_prometheus():
    config = os.path.join(FOLDER, "prometheus.json")
    with open(config, "w", encoding="utf-8") as out:  # JSON is YAML
        json.dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [f"{PACKAGING}/prometheus/orphand-rules.yaml"],
            "scrape_configs": [{"job_name": "orphand", "static_configs": [{"targets": [FEED]}]}],
        }, out)
    with open(os.path.join(FOLDER, "prometheus.log"), "w", encoding="utf-8") as log:
        return subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={FOLDER}/prometheus",
                                 f"--web.listen-address=127.0.0.1:{PORT}"], stdout=log, stderr=log)


def fill_in(query):
    for name, value in VARIABLES.items():
        query = query.replace(name, value)
    return query


def queries(dashboard):
    for panel in dashboard["panels"]:
        if panel["type"] != "row" and not panel["targets"]:
            sys.exit(f"{panel['title']}: asks nothing")
        for target in panel.get("targets", []):
            yield panel["title"], fill_in(target["expr"])


def has_data(query):
    return any(math.isfinite(float(one["value"][1])) for one in ask("query", query=query)["result"])


def look_at_dashboard():
    with open(f"{PACKAGING}/grafana/orphand.json", encoding="utf-8") as text:
        dashboard = json.load(text)
    left = list(queries(dashboard))
    count = len(left)

    def all_answer():
        kill_a_root()
        left[:] = [(title, query) for title, query in left if not has_data(query)]
        return not left

    until(all_answer, lambda: f"no data for {left}")
    for annotation in dashboard["annotations"]["list"]:
        ask("query", query=fill_in(annotation["expr"]))
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()
            if not ask(f"label/{label}/values", **{"match[]": series}):
                sys.exit(f"{variable['name']}: no value")
    return count


def look_at_rules():
    def fires():
        return any(alert["labels"]["alertname"] == "OrphandOrphansEnded" and alert["state"] == "firing"
                   for alert in ask("alerts")["alerts"])

    until(fires, "OrphandOrphansEnded does not fire")
    rules = [rule for group in ask("rules")["groups"] for rule in group["rules"]]
    for rule in rules:
        if rule["health"] != "ok":
            sys.exit(f"{rule['name']}: {rule.get('lastError')}")
    others = {alert["labels"]["alertname"] for alert in ask("alerts")["alerts"]} - {"OrphandOrphansEnded"}
    if others:
        sys.exit(f"alerts with nothing wrong: {others}")
    return len(rules)


def main():
    prometheus = start_prometheus()
    try:
        until(is_ready, "Prometheus is not ready")
        print(f"{look_at_dashboard()} queries and {look_at_rules()} rules have answered")
    finally:
        prometheus.terminate()
        prometheus.wait()


main()
