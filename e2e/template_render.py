"""Renders a SAM template as deploying it would, for each set of parameters.

    template_render.py TEMPLATE show|lint < SETS

SETS is JSON: {name: {"parameters": {...}, "conditions": {...}}}, the conditions
with their truth. `show` prints {name: {"resources": ..., "outputs": ...}} after
the SAM transform, with parameters and conditions resolved. `lint` prints
{name: [what cfn-lint finds in that]}. It never asks the network.
"""
import copy
import json
import os
import re
import sys

os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

NO_VALUE = {"Ref": "AWS::NoValue"}


class NoPolicies:
    def load(self):
        return {}


def resolve(node, parameters, conditions):
    again = lambda n: resolve(n, parameters, conditions)
    if isinstance(node, list):
        return [v for v in map(again, node) if v != NO_VALUE]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        (key, arg), = node.items()
        if key == "Ref":
            return parameters.get(arg, node)
        if key == "Fn::If":
            return again(arg[1] if conditions[arg[0]] else arg[2])
        if key == "Fn::Sub" and isinstance(arg, str):
            text = re.sub(r"\$\{(\w+)\}", lambda m: str(parameters.get(m[1], m[0])), arg)
            return {"Fn::Sub": text} if "${" in text else text
    return {k: v for k, v in ((k, again(v)) for k, v in node.items()) if v != NO_VALUE}


def there(section, conditions):
    for name, entry in section.items():
        condition = entry.pop("Condition", None)
        if condition is None or conditions[condition]:
            yield name, entry


def render(parsed, parameters, conditions):
    template = copy.deepcopy(parsed)
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as sam package does
    defaults = {name: p["Default"] for name, p in template["Parameters"].items()}
    made = transform(template, dict(parameters), NoPolicies())
    values = {**defaults, **parameters}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        **{
            section: {name: resolve(entry, values, conditions) for name, entry in there(made[section], conditions)}
            for section in ("Resources", "Outputs")
        },
    }


def lint(templates):
    from cfnlint.config import ConfigMixIn
    from cfnlint.core import get_rules
    from cfnlint.decode import decode_str
    from cfnlint.runner.template import run_template_by_data

    config = ConfigMixIn(["--regions", "eu-central-1", "--", "template.json"])
    rules = get_rules(append_rules=[], ignore_rules=[], include_rules=[])
    for name, template in templates:
        data, problems = decode_str(json.dumps(template))
        problems = problems or run_template_by_data(data, config, rules)
        yield name, [f"{p.rule.id} {p.message} at {'/'.join(map(str, getattr(p, 'path', None) or []))}" for p in problems]


parsed = yaml_parse(open(sys.argv[1]).read())
templates = [(name, render(parsed, s["parameters"], s["conditions"])) for name, s in json.load(sys.stdin).items()]
if sys.argv[2] == "lint":
    print(json.dumps(dict(lint(templates))))
else:
    print(json.dumps({name: {"resources": t["Resources"], "outputs": t["Outputs"]} for name, t in templates}))
