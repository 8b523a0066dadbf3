"""The manifests, as far as that can be told without a cluster: every name in them is compared with what it refers to."""

import glob
import os
import re
import subprocess

import pytest
import yaml

from deploy.test_docker import lines
from harness.deployables import DAEMONS, METRICS_PORT, USER, is_pinned, settings, unknown
from ops.stack import repository

FOLDER = os.path.join(repository(), "ops", "kubernetes")


def read(path):
    with open(os.path.join(repository(), path), encoding="utf-8") as f:
        return f.read()


def objects(kind):
    """{name: object} of all manifests."""
    found = [o for path in sorted(glob.glob(os.path.join(FOLDER, "*.yaml"))) for o in yaml.safe_load_all(read(path))]
    assert found
    return {o["metadata"]["name"]: o for o in found if o["kind"] == kind}


def deployment(daemon):
    return objects("Deployment")[f"chronos-{daemon}"]


def pods():
    """{name: template} of everything that runs."""
    return {name: o["spec"]["template"] for name, o in {**objects("Deployment"), **objects("Job")}.items()}


def daemon_of(name):
    return "scheduler" if name == "chronos-migrate" else name.removeprefix("chronos-")


def container(template):
    (only,) = template["spec"]["containers"]
    return only


def image_environment(daemon):
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(rest for word, rest in lines(daemon) if word == "ENV")))


def environment(name, template):
    given = {**image_environment(daemon_of(name)), **{e["name"]: e["value"] for e in container(template)["env"]}}
    for source in container(template).get("envFrom", []):
        given = {**objects("ConfigMap")[source["configMapRef"]["name"]]["data"], **given}
    return given


ALL = ["chronos-migrate", *(f"chronos-{d}" for d in DAEMONS)]


def test_there_is_all_that_is_looked_at():
    assert sorted(pods()) == sorted(ALL)
    for kind in ("ConfigMap", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget", "ScaledObject", "Service"):
        for o in objects(kind).values():
            assert o["metadata"]["namespace"] in objects("Namespace")
    assert not objects("Secret")  # a secret in a file of the tree would be everybody's


@pytest.mark.parametrize("name", ALL)
def test_pods_are_confined(name):
    spec = pods()[name]["spec"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
                                       "seccompProfile": {"type": "RuntimeDefault"}}
    assert container(pods()[name])["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert spec["automountServiceAccountToken"] is False
    # the address of the Service chronos-console would come as CHRONOS_CONSOLE_PORT
    assert spec["enableServiceLinks"] is False
    assert {"cpu", "memory"} <= container(pods()[name])["resources"]["requests"].keys()
    assert "memory" in container(pods()[name])["resources"]["limits"]


@pytest.mark.parametrize("name", ALL)
def test_settings_are_read_and_secrets_are_files(name):
    template, daemon = pods()[name], daemon_of(name)
    own = {e["name"] for e in container(template)["env"]}
    assert not unknown(daemon, own)
    assert not [n for n in own if re.search("URL$|KEY$|SECRET$", n)]
    (mount,) = [m for m in container(template)["volumeMounts"] if m["name"] == "secrets"]
    (volume,) = [v["secret"] for v in template["spec"]["volumes"] if v["name"] == "secrets"]
    shown = {f"{mount['mountPath']}/{i['path']}" for i in volume["items"]}
    assert shown == {e["value"] for e in container(template)["env"] if e["name"].endswith("_FILE")}
    # readable by the group that fsGroup gives it, and by nobody else
    assert mount["readOnly"] and volume["defaultMode"] == 0o440
    # and the guide has them made
    made = re.search(rf"create secret generic {volume['secretName']}\s(.*?)\n(?: *kubectl| *```)", read("ops/kubernetes/README.md"), re.S)
    assert {i["key"] for i in volume["items"]} <= set(re.findall(r"--from-file=(\S+)", made[1]))
    assert all(i["key"] == i["path"] for i in volume["items"])
    # the owner's login is the migration's alone
    assert (volume["secretName"] == "chronos-owner") == (name == "chronos-migrate")


def test_common_settings_are_known_to_some_daemon():
    names = {n for o in objects("ConfigMap").values() for n in o["data"]}
    assert not set.intersection(*(unknown(d, names) for d in DAEMONS))
    for daemon in DAEMONS:  # one that another daemon reads is passed over, but not when it looks like a mistake
        assert all(not n.startswith("CHRONOS_") for n in unknown(daemon, names))


@pytest.mark.parametrize("name", ALL)
def test_volumes_and_mounts_fit(name):
    template = pods()[name]
    assert {m["name"] for m in container(template)["volumeMounts"]} == {v["name"] for v in template["spec"]["volumes"]}
    if name == "chronos-worker":
        mounts = {m["mountPath"]: m["name"] for m in container(template)["volumeMounts"]}
        assert mounts[environment(name, template)["CHRONOS_WORK_DIR"]] == "work"


@pytest.mark.parametrize("name", ALL)
def test_images_are_those_of_the_dockerfile_and_pinned(name):
    image = container(pods()[name])["image"]
    assert is_pinned(image) and re.search(rf"/chronos-{daemon_of(name)}:", image)
    assert container(pods()[name]).get("args") == (["--migrate"] if name == "chronos-migrate" else None)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_probes_ask_the_port_that_answers(daemon):
    c, given = container(deployment(daemon)["spec"]["template"]), environment(f"chronos-{daemon}", deployment(daemon)["spec"]["template"])
    ports = {p["name"]: p["containerPort"] for p in c["ports"]}
    assert ports["health"] == METRICS_PORT == int(given["CHRONOS_METRICS_PORT"])
    assert given["CHRONOS_METRICS_ADDRESS"] == "0.0.0.0"
    asked = {kind: c[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: a["path"] for kind, a in asked.items()} == {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
    assert {a["port"] for a in asked.values()} == {"health"}
    served = read("engine/metrics_server.c")
    assert all(f'"{a["path"]}"' in served for a in asked.values())
    if daemon == "console":
        assert ports["http"] == int(given["CHRONOS_CONSOLE_PORT"]) and given["CHRONOS_CONSOLE_ADDRESS"] == "0.0.0.0"


@pytest.mark.parametrize("daemon", DAEMONS)
def test_nobody_is_killed_while_it_drains(daemon):
    template = deployment(daemon)["spec"]["template"]
    before = container(template).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["", "0"])
    given = {**settings(daemon), **environment(f"chronos-{daemon}", template)}
    drain = int(re.match(r"\d+", given.get("CHRONOS_DRAIN_MS", "0"))[0]) / 1000
    assert template["spec"]["terminationGracePeriodSeconds"] >= int(before[1]) + drain + 10


@pytest.mark.parametrize("daemon", DAEMONS)
def test_labels_and_selectors_agree(daemon):
    spec, name = deployment(daemon)["spec"], f"chronos-{daemon}"
    labels, selector = spec["template"]["metadata"]["labels"], {"app.kubernetes.io/name": name}
    assert selector.items() <= labels.items() and spec["selector"]["matchLabels"] == selector
    budget = objects("PodDisruptionBudget")[name]["spec"]
    assert budget["selector"]["matchLabels"] == selector and "maxUnavailable" in budget
    spread = spec["template"]["spec"]["topologySpreadConstraints"]
    assert {s["topologyKey"] for s in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert all(s["labelSelector"]["matchLabels"] == selector for s in spread)
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    annotations = spec["template"]["metadata"]["annotations"]
    assert annotations == {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT),
                           "prometheus.io/path": "/metrics"}


def test_two_of_what_must_always_be_there():
    """With one alone its disruption budget of one would be none."""
    assert deployment("scheduler")["spec"]["replicas"] >= 2 and deployment("console")["spec"]["replicas"] >= 2
    # what scales by itself is not set back by an apply
    assert "replicas" not in deployment("worker")["spec"]
    assert objects("ScaledObject")["chronos-worker"]["spec"]["minReplicaCount"] >= 2


def selected(selector):
    """The names of the pods that a selector means."""
    def fits(labels):
        return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(
            e["operator"] == "In" and labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions", []))
    return {name for name, template in pods().items() if fits(template["metadata"]["labels"])}


def test_the_service_leads_to_the_console():
    spec = objects("Service")["chronos-console"]["spec"]
    assert selected({"matchLabels": spec["selector"]}) == {"chronos-console"}
    names = {p["name"] for p in container(pods()["chronos-console"])["ports"]}
    assert {p["targetPort"] for p in spec["ports"]} <= names


def test_the_network_lets_through_what_is_needed_and_no_more():
    policies = {name: o["spec"] for name, o in objects("NetworkPolicy").items()}
    nothing = policies.pop("nothing-else")
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    reach = {name: selected(spec["podSelector"]) for name, spec in policies.items()}
    assert reach == {"names-and-stores": set(ALL), "services-outside": {"chronos-worker", "chronos-console"},
                     "metrics": set(ALL), "console": {"chronos-console"}}
    for name, spec in policies.items():
        for rule in spec.get("ingress", []):
            assert rule["from"]
            for port in rule["ports"]:
                for pod in reach[name] - {"chronos-migrate"}:
                    assert port["port"] in {p["name"] for p in container(pods()[pod])["ports"]}
    ports = {p["port"] for rule in policies["names-and-stores"]["egress"] for p in rule["ports"]}
    assert ports == {53, 5432, 6379}
    (outside,) = policies["services-outside"]["egress"]
    # where clouds keep the credentials of a machine
    assert "169.254.0.0/16" in outside["to"][0]["ipBlock"]["except"]


def test_scaling_asks_for_metrics_that_there_are(tmp_path):
    spec = objects("ScaledObject")["chronos-worker"]["spec"]
    assert spec["scaleTargetRef"]["name"] in objects("Deployment")
    documented = {name: (set(filter(None, labels.split(", "))), shown.split(", ")) for name, labels, shown in
                  re.findall(r"^\| `(chronos_\w+)` \| \w+ \| (.*?) *\| (.*?) \|", read("ops/metrics.md"), re.M)}
    rules = []
    for trigger in spec["triggers"]:
        query = trigger["metadata"]["query"]
        series = re.findall(r"(chronos_\w+)\{(.*?)\}", query)
        assert series and len(series) == len(re.findall(r"\bchronos_", query))
        for name, matchers in series:
            labels = dict(re.findall(r'(\w+)="(.*?)"', matchers))
            job = labels.pop("job")
            assert job.removeprefix("chronos-") in documented[name][1]
            assert set(labels) <= documented[name][0]
        assert float(trigger["metadata"]["threshold"]) > 0 and trigger["metadata"]["ignoreNullValues"] == "false"
        rules.append({"record": "asked", "expr": query})
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "scaling", "rules": rules}]}))
    subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yml"], check=True, capture_output=True)
    assert "chronos_backlog_oldest_age_seconds" in spec["triggers"][0]["metadata"]["query"]
    # the state that it asks for is one that there is
    assert 'state="ready"' in spec["triggers"][0]["metadata"]["query"] and 'state="ready"' in read("ops/prometheus/alerts.rules.yml")


def test_prometheus_calls_the_jobs_as_rules_know_them(tmp_path):
    config = yaml.safe_load(read("ops/kubernetes/prometheus-scrape.yml"))
    (job,) = config["scrape_configs"]
    # Debian's Prometheus is built without this way of finding targets
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": list(objects("Namespace"))}}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], check=True, capture_output=True)
    keep, name, _ = job["relabel_configs"]
    assert name == {"source_labels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"], "target_label": "job"}
    value = ";".join(["true", "health"])
    assert keep["action"] == "keep" and re.fullmatch(keep["regex"], value)
    known = set(re.findall(r'job="(chronos-\w+)"', read("ops/prometheus/alerts.rules.yml")))
    assert known and known <= {t["metadata"]["labels"]["app.kubernetes.io/name"] for t in pods().values()}


def test_the_guide_names_every_manifest():
    guide = read("ops/kubernetes/README.md")
    for path in glob.glob(os.path.join(FOLDER, "*.yaml")):
        assert os.path.basename(path) in guide
    for name in set(re.findall(r"\b\d\d-[\w-]+\.yaml", guide)):
        assert os.path.exists(os.path.join(FOLDER, name))
