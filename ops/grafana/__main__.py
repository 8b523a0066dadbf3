"""python3 -m ops.grafana: writes the dashboards as Grafana reads them."""

import json
import os

from .dashboards import DASHBOARDS

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dashboards")
MATCHERS = 'job=~"$job",instance=~"$instance"'
SOURCE = {"type": "prometheus", "uid": "$datasource"}
WIDTH, HEIGHT = 12, 8


def variable(name, label, query):
    return {"name": name, "label": label, "type": "query", "datasource": SOURCE, "definition": query,
            "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".+", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}, "hide": 0}


def variables(key):
    found = [{"name": "datasource", "label": "Data Source", "type": "datasource", "query": "prometheus", "refresh": 1,
              "hide": 0, "current": {}},
             variable("job", "Job", 'label_values(up{job=~"chronos-.+"}, job)'),
             variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)')]
    if key == "function":
        found.append(variable("function", "Function", 'label_values(chronos_runs_started_total{job=~"$job"}, function)'))
    return found


def panel(number, row):
    title, description, unit, queries = row
    return {
        "id": number + 1, "type": "timeseries", "title": title, "description": description, "datasource": SOURCE,
        "gridPos": {"x": WIDTH * (number % 2), "y": HEIGHT * (number // 2), "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "custom": {"lineWidth": 1, "fillOpacity": 5}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": query.replace("@", MATCHERS),
                     "legendFormat": legend} for i, (query, legend) in enumerate(queries)],
    }


def dashboard(key):
    title, rows = DASHBOARDS[key]
    return {"uid": "chronos-" + key, "title": title, "tags": ["chronos"], "editable": False, "schemaVersion": 37,
            "graphTooltip": 1, "refresh": "30s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser",
            "templating": {"list": variables(key)}, "annotations": {"list": []},
            "links": [{"type": "dashboards", "title": "Chronos", "tags": ["chronos"], "asDropdown": True,
                       "includeVars": True, "keepTime": True}],
            "panels": [panel(i, row) for i, row in enumerate(rows)]}


def text_of(key):
    return json.dumps(dashboard(key), indent=2) + "\n"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for key in DASHBOARDS:
        with open(os.path.join(FOLDER, key + ".json"), "w", encoding="utf-8") as f:
            f.write(text_of(key))


if __name__ == "__main__":
    main()
