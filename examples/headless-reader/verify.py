"""Checks a workspace's audit chain and signed artifacts with Python's standard library and openssl; writes nothing into it.

    python3 verify.py .cloned KEY.pem...

A KEY is the public key that `cloned artifacts export` hands out beside a copy; several where it was rotated.
Exit: 0 good, 5 not good, 2 wrong use. Who signed the log is checked by docs/audit-verify.sh.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LINE = re.compile(rb'\{"v":1,"seq":([1-9][0-9]*),"prev":"([0-9a-f]{64})",')
PAYLOAD = "application/vnd.in-toto+json"


class Log:
    """What the log says of artifacts, and the SHA-256 of each of its lines; ValueError where the chain is broken."""

    def __init__(self, state: Path):
        self.lines, self.saved = {}, {}
        before, expected = None, None
        for path in [*sorted(state.glob("audit/segments/*.jsonl")), state / "audit.log"]:
            with path.open("rb") as log:
                for line in log:
                    head = LINE.match(line)
                    if not head or not line.endswith(b"\n"):
                        raise ValueError(f"a line after record {before} is not one of the log")
                    seq, prev = int(head[1]), head[2].decode()
                    if before is None:
                        # A log whose beginning was pruned starts with what its first record says.
                        self.first = seq
                        expected = "0" * 64 if seq == 1 else prev
                    elif seq != before + 1:
                        raise ValueError(f"record {before + 1} is missing")
                    if prev != expected:
                        raise ValueError(f"record {seq} does not follow from the record before it")
                    before, expected = seq, hashlib.sha256(line).hexdigest()
                    self.lines[seq] = expected
                    record = json.loads(line)
                    if record["type"] == "artifact.saved":
                        self.saved[record["artifact"]] = record
        if before is None:
            raise ValueError("the log is empty")


def signed_payload(path: Path, keys: list[str]) -> bytes:
    """The statement in a Sigstore bundle, as it was signed; ValueError when none of the keys did that."""
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))["dsseEnvelope"]
        (sig,) = envelope["signatures"]
        payload, signature = (base64.b64decode(text, validate=True) for text in (envelope["payload"], sig["sig"]))
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path} is no manifest") from None
    if envelope["payloadType"] != PAYLOAD:
        raise ValueError(f"{path} is no manifest")
    with tempfile.TemporaryDirectory() as temporary:
        signed, detached = Path(temporary, "signed"), Path(temporary, "signature")
        # The pre-authentication encoding of DSSE.
        signed.write_bytes(f"DSSEv1 {len(PAYLOAD)} {PAYLOAD} {len(payload)} ".encode() + payload)
        detached.write_bytes(signature)
        verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", "-in", signed, "-sigfile", detached, "-inkey"]
        if any(subprocess.run([*verify, key], capture_output=True).returncode == 0 for key in keys):
            return payload
    raise ValueError(f"{path} is not signed by a key that you gave")


def artifact(folder: Path, log: Log, keys: list[str]) -> str:
    """What there is to say of one artifact; ValueError where manifest, content and log do not agree."""
    payload = signed_payload(folder / "manifest.sigstore.json", keys)
    digest = hashlib.sha256(payload).hexdigest()
    if folder.name != f"art_{digest[:24]}":
        raise ValueError(f"{folder} holds the manifest of another artifact")
    statement = json.loads(payload)
    (subject,) = statement["subject"]
    definition = statement["predicate"]["buildDefinition"]
    name = subject["name"]
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise ValueError(f"{folder} names no file")
    content = folder / "content" / name
    if content.is_symlink():
        raise ValueError(f"{content} is a link")
    found = hashlib.sha256(content.read_bytes()).hexdigest()
    if found != subject["digest"]["sha256"]:
        raise ValueError(f"{content} is not what was saved")
    record = log.saved.get(folder.name)
    if record is None and log.first == 1:
        raise ValueError(f"no record says that {folder.name} was saved")
    if record and (record["manifest_sha256"], record["content_sha256"]) != (digest, found):
        raise ValueError(f"the record of {folder.name} is about something else")
    for call in definition["resolvedDependencies"]:
        if not call["uri"].startswith("cloned:call/"):
            continue
        seq = call["annotations"]["seq"]
        if seq >= log.first and log.lines.get(seq) != call["digest"]["sha256"]:
            raise ValueError(f"{folder.name} names a call that record {seq} is not about")
    return f"{folder.name} {name} by {definition['internalParameters']['actor']['id']}"


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    state, keys = Path(arguments[0]), arguments[1:]
    try:
        log = Log(state)
        print(f"ok: {len(log.lines)} records, unbroken")
        for folder in sorted(state.glob("artifacts/art_*")):
            print(f"ok: {artifact(folder, log, keys)}")
    except (ValueError, KeyError, TypeError, OSError) as problem:
        print(f"not good: {problem}")
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
