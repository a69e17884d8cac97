"""Speaks the worker protocol of cloned (JSON-RPC 2.0, one message a line) with nothing but the standard library."""

import json
import sys

PROTOCOL = 1


class ToolError(Exception):
    """A failure that a tool reports on purpose, with what it knows of the effect."""

    def __init__(self, message, code="TOOL_FAILED", effect="unknown"):
        super().__init__(message)
        self.code = code
        self.effect = effect


def serve(connector_id, version, tools):
    """Serves until the host closes the standard input. `tools` maps ids to functions of the input; one call at a time."""
    out, sys.stdout = sys.stdout, sys.stderr

    def send(message):
        out.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        out.flush()

    for line in sys.stdin:
        message = json.loads(line)
        method, params, id_ = message.get("method"), message.get("params"), message.get("id")
        if id_ is None:
            continue  # A cancellation: the call in hand is nearly done.
        if method == "initialize" and params["protocol"] != PROTOCOL:
            data = {"supported": [PROTOCOL]}
            send({"id": id_, "error": {"code": -32001, "message": "another protocol", "data": data}})
        elif method == "initialize":
            own = {"id": connector_id, "version": version}
            send({"id": id_, "result": {"protocol": PROTOCOL, "connector": own, "tools": sorted(tools)}})
        elif method == "call":
            try:
                send({"id": id_, "result": {"output": tools[params["tool"]](params["input"])}})
            except ToolError as error:
                data = {"code": error.code, "effect": error.effect}
                send({"id": id_, "error": {"code": -32000, "message": str(error), "data": data}})
            except Exception as error:
                data = {"code": "TOOL_FAILED", "effect": "unknown"}
                send({"id": id_, "error": {"code": -32000, "message": repr(error), "data": data}})
        else:
            send({"id": id_, "error": {"code": -32601, "message": "there is no method " + str(method)}})
