#!/usr/bin/env bash
# Gates a CI job: the policy must allow what the job is going to have done, and the audit log must be unbroken.
#
#   gate.sh TOOL INPUT-JSON
#
# Exit: 0 go on; 3 the policy denies it; 4 somebody has to approve it first; 5 the log does not verify; else an error.
# CLONED is the command to run, default: npx cloned
set -euo pipefail
read -r -a cloned <<<"${CLONED:-npx cloned}"
tool=${1:?tool}
input=${2:?input}

# With --json there is one document on standard output, whatever the exit code.
code=0
verdict=$("${cloned[@]}" tools explain "$tool" --input "$input" --json) || code=$?
case $(jq -r '.verdict // .status // "error"' <<<"$verdict") in
  allow) ;;
  ask)
    echo "waits for a person: $(jq -r '.reason' <<<"$verdict")" >&2
    exit 4
    ;;
  deny | denied)
    echo "denied: $(jq -r '"\(.code): \(.reason)\n  \(.help)"' <<<"$verdict")" >&2
    exit 3
    ;;
  *)
    echo "cloned ended with $code: $verdict" >&2
    exit 1
    ;;
esac

"${cloned[@]}" call "$tool" --input "$input" --actor agent:ci --json | jq -e '.status == "done"' >/dev/null

code=0
log=$("${cloned[@]}" audit verify --json) || code=$?
if [ "$code" -ne 0 ]; then
  echo "the audit log does not verify: $(jq -c . <<<"$log")" >&2
  exit 5
fi
echo "done; $(jq -r .entries <<<"$log") records, unbroken"
