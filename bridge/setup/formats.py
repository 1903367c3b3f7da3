"""A contact point and its notification policy, ready to paste: for the shell, Grafana's files, or Terraform."""

from __future__ import annotations

import json
import re
import shlex
from io import StringIO
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from bridge.setup.contact_point import GROUP_BY, INTERVAL, REPEAT, WAIT, Variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bridge.setup.contact_point import ContactPoint, Settings, Text

_ROUTE = {"group_by": list(GROUP_BY), "group_wait": WAIT, "group_interval": INTERVAL, "repeat_interval": REPEAT}
_TREE = (
    "Careful: Grafana has one tree of policies an organisation, and this REPLACES IT WHOLE. Where you have policies",
    "already, leave this part out, and add to yours one that matches everything, has this contact point,",
    "and continues (`continue: true`).",
)


_CURL = r"""# Needs curl and jq. The token is of a service account that may provision alerting (role Admin).
# The policy stands first and continues: those that you have still act. What only the default contact
# point told, it tells no longer.
# Set these before:
<<variables>>
(
  set -eu
<<exports>>
  api="${GRAFANA_URL%/}/api/v1/provisioning"
  grafana() {
    answer=$(curl --silent --show-error --fail-with-body \
      --header "Authorization: Bearer $GRAFANA_TOKEN" --header 'X-Disable-Provenance: true' \
      --header 'Content-Type: application/json' "$@") || { printf '%s\n' "$answer" >&2; exit 1; }
    printf '%s' "$answer"
  }
  there=$(grafana "$api/contact-points")
  if printf '%s' "$there" | jq --exit-status 'any(.uid == "<<uid>>")' > /dev/null; then
    set -- PUT "$api/contact-points/<<uid>>"
  else
    set -- POST "$api/contact-points"
  fi
  point=$(jq --null-input <<point>>)
  printf '%s' "$point" | grafana --request "$1" --data-binary @- "$2" > /dev/null
  tree=$(grafana "$api/policies")
  tree=$(printf '%s' "$tree" | jq <<tree>>)
  printf '%s' "$tree" | grafana --request PUT --data-binary @- "$api/policies" > /dev/null
  echo 'Grafana has the contact point <<name>>, and a policy that tells it everything.'
)"""


def curl(point: ContactPoint) -> str:
    """Return a shell command that creates or updates the contact point, and puts a policy before those that there are.

    Facts: https://grafana.com/docs/grafana/latest/developers/http_api/alerting_provisioning/ (contact points by POST,
    by PUT where the UID is there; the tree of policies by GET and PUT, as a whole; without the header
    `X-Disable-Provenance` none of it could be edited in Grafana any more). The JSON is made by jq, which reads the
    variables itself and escapes them: no secret stands in an argument that other users of the machine could see, but
    for curl's own header.
    """
    body = {"uid": (point.uid,), "name": (point.name,), "type": ("webhook",)}
    made = _jq({**body, "settings": point.settings, "disableResolveMessage": False})
    route = _jq({"receiver": (point.name,)}) + f" + {json.dumps(_ROUTE)} + {{continue: true}}"
    ours = f".receiver == {json.dumps(point.name)} and .continue and (.object_matchers // [] | length == 0)"
    tree = f"del(.provenance) | .routes = [{route}] + [.routes[]? | select({ours} | not)]"
    names = [("GRAFANA_URL", "the address of your Grafana"), ("GRAFANA_TOKEN", "a service account's token")]
    names += [(one.name, one.about) for one in point.variables]
    filled = {
        "variables": "\n".join(f"#   {name}: {about}" for name, about in names),
        "exports": "\n".join(f'  export {name}="${{{name}:?is not set}}"' for name, _ in names),
        "uid": point.uid,
        "name": point.name,
        "point": shlex.quote(made),
        "tree": shlex.quote(tree),
    }
    return re.sub(r"<<(\w+)>>", lambda hit: filled[hit[1]], _CURL)


def _jq(value: Text | Settings | Mapping[str, Any] | int | bool) -> str:
    """Return a value as a jq expression; jq's strings are JSON's, but that backslash and bracket begin an expression.

    JSON writes a backslash as two, so that no text can begin one.
    """
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, tuple):
        return " + ".join(f"env.{one.name}" if isinstance(one, Variable) else json.dumps(one) for one in value)
    return "{" + ", ".join(f"{json.dumps(name)}: ({_jq(one)})" for name, one in value.items()) + "}"


def provisioning(point: ContactPoint) -> str:
    """Return a file for Grafana's folder `provisioning/alerting`.

    Facts: https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/, and
    Grafana's `pkg/services/provisioning/values/values.go`: `$NAME` is filled in from the environment once (`${NAME}`
    twice, which would spoil a value with a dollar in it), `$$` is a dollar.
    """
    receiver = {"uid": point.uid, "type": "webhook", "disableResolveMessage": False}
    receiver["settings"] = _plain(point.settings, _interpolated)
    points = [{"orgId": 1, "name": point.name, "receivers": [receiver]}]
    policies = [{"orgId": 1, "receiver": point.name, **_ROUTE}]
    return "\n".join(
        [
            f"# Put this file into Grafana's folder provisioning/alerting, as {point.name}.yml, and restart Grafana.",
            *_set_before("# Grafana's own environment needs:", "#   {name}: {about}", point.variables),
            _yaml({"apiVersion": 1, "contactPoints": points}),
            *(f"# {line}" for line in _TREE),
            _yaml({"policies": policies}).rstrip("\n"),
        ]
    )


def _interpolated(text: Text) -> str:
    found = ""
    for number, part in enumerate(text):
        if isinstance(part, str):
            found += part.replace("$", "$$")
            continue
        following = text[number + 1] if number + 1 < len(text) else ""
        glued = isinstance(following, str) and re.match(r"\w", following)
        found += f"${{{part.name}}}" if glued else f"${part.name}"
    return found


def _plain(settings: Settings, write: Callable[[Text], str]) -> dict[str, Any]:
    return {
        name: _plain(value, write) if isinstance(value, dict) else write(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
    }


def _yaml(value: Any) -> str:  # noqa: ANN401 - plain values of any depth
    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = 4096
    stream = StringIO()
    writer.dump(_quoted(value), stream)
    return stream.getvalue()


def _quoted(value: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(value, dict):
        return {name: _quoted(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_quoted(one) for one in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


_TERRAFORM = {
    "httpMethod": "http_method",
    "maxAlerts": "max_alerts",
    "username": "basic_auth_user",
    "password": "basic_auth_password",
    "hmacConfig": "hmac_config",
    "timestampHeader": "timestamp_header",
}
"""The provider's names of settings, where they aren't Grafana's own."""


def terraform(point: ContactPoint) -> str:
    """Return the resources for Terraform's provider grafana/grafana.

    Facts: docs/resources/contact_point.md and notification_policy.md of the repository
    grafana/terraform-provider-grafana; `headers` and `hmac_config` need Grafana 12 and a provider of that time.
    """
    label = re.sub(r"\W+", "_", point.name)
    route = [(name, _hcl(value)) for name, value in _ROUTE.items()]
    named = [("contact_point", f"grafana_contact_point.{label}.name")]
    inner = {**point.settings, "disable_resolve_message": False}
    return "\n".join(
        [
            *_set_before("# Set these before:", "#   TF_VAR_{lower}: {about}", point.variables),
            *(line for one in point.variables for line in _variable(one)),
            f'resource "grafana_contact_point" "{label}" {{',
            f"  name = {_hcl((point.name,))}",
            "",
            "  webhook {",
            *_attributes(inner, "    "),
            "  }",
            "}",
            "",
            *(f"# {line}" for line in _TREE),
            f'resource "grafana_notification_policy" "{label}" {{',
            *_aligned([*named, *route], "  "),
            "}",
        ]
    )


def _variable(one: Variable) -> Iterator[str]:
    yield f'variable "{one.name.lower()}" {{'
    yield from _aligned([("type", "string"), *([("sensitive", "true")] if one.secret else [])], "  ")
    yield from ("}", "")


def _attributes(settings: Settings, indent: str) -> Iterator[str]:
    """Yield a block's attributes, then its nested blocks; headers are a map, which HCL writes with an equals sign."""
    plain = [(_TERRAFORM.get(name, name), _hcl(one)) for name, one in settings.items() if not isinstance(one, dict)]
    yield from _aligned(plain, indent)
    for name, inner in settings.items():
        if not isinstance(inner, dict):
            continue
        is_map = name == "headers"
        yield from ("", f"{indent}{_TERRAFORM.get(name, name)}{' =' if is_map else ''} {{")
        if is_map:
            yield from _aligned([(_hcl((key,)), _hcl(one)) for key, one in inner.items()], f"{indent}  ")
        else:
            yield from _attributes(inner, f"{indent}  ")
        yield f"{indent}}}"


def _aligned(rows: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    yield from (f"{indent}{name:{width}} = {value}" for name, value in rows)


def _hcl(value: object) -> str:
    """Return a value as HCL: in quoted text `${` and `%{` begin an expression, unless their first sign is doubled."""
    if isinstance(value, list):
        return f"[{', '.join(_hcl(one) for one in value)}]"
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], Variable):
        return f"var.{value[0].name.lower()}"
    if isinstance(value, tuple):
        parts = (f"${{var.{one.name.lower()}}}" if isinstance(one, Variable) else _escaped(one) for one in value)
        return f'"{"".join(parts)}"'
    return f'"{_escaped(value)}"' if isinstance(value, str) else json.dumps(value)


def _escaped(text: str) -> str:
    return re.sub(r"([$%])(?=\{)", r"\1\1", json.dumps(text, ensure_ascii=False)[1:-1])


def _set_before(heading: str, line: str, variables: Sequence[Variable]) -> Iterator[str]:
    if variables:
        yield heading
    for one in variables:
        yield line.format(name=one.name, lower=one.name.lower(), about=one.about)


FORMATS = {"curl": curl, "provisioning": provisioning, "terraform": terraform}
