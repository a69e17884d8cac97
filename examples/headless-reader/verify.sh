#!/bin/sh
# Checks a workspace's audit chain and signed artifacts with coreutils, sed, jq and openssl; writes nothing into it.
#
#   sh verify.sh .cloned KEY.pem...
#
# A KEY is the public key that `cloned artifacts export` hands out beside a copy; several where it was rotated.
# Exit: 0 good, 5 not good, 2 wrong use. For the signature of the log see docs/audit-verify.sh.
set -eu
LC_ALL=C
export LC_ALL

[ $# -ge 2 ] && [ -d "$1" ] || { echo "usage: $0 DIRECTORY KEY..." >&2; exit 2; }
state=$1
shift
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

bad() { printf 'not good: %s\n' "$1"; exit 5; }

for file in "$state"/audit/segments/*.jsonl "$state/audit.log"; do
  [ ! -f "$file" ] || cat -- "$file" >> "$tmp/log"
done
[ -s "$tmp/log" ] || bad "the log is empty"
[ "$(tail -c 1 "$tmp/log" | od -An -tu1 | tr -d ' ')" = 10 ] || bad "the last line is incomplete"

# Each line carries the SHA-256 of the line before it, with its line feed.
expected=$(printf '%064d' 0)
before=0
first=1
while IFS= read -r line; do
  seq=$(printf '%s\n' "$line" | sed -n 's/^{"v":1,"seq":\([1-9][0-9]*\),"prev":"[0-9a-f]\{64\}",.*}$/\1/p')
  prev=$(printf '%s\n' "$line" | sed -n 's/^{"v":1,"seq":[1-9][0-9]*,"prev":"\([0-9a-f]\{64\}\)",.*}$/\1/p')
  [ -n "$seq" ] || bad "a line after record $before is not one of the log"
  # A log whose beginning was pruned starts with what its first record says.
  if [ "$before" = 0 ] && [ "$seq" != 1 ]; then first=$seq; before=$((seq - 1)); expected=$prev; fi
  [ "$seq" = $((before + 1)) ] || bad "record $((before + 1)) is missing"
  [ "$prev" = "$expected" ] || bad "record $seq does not follow from the record before it"
  before=$seq
  expected=$(printf '%s\n' "$line" | sha256sum | cut -c1-64)
  printf '%s %s\n' "$seq" "$expected" >> "$tmp/lines"
done < "$tmp/log"
echo "ok: $(wc -l < "$tmp/lines" | tr -d ' ') records, unbroken"
jq -r 'select(.type == "artifact.saved") | "\(.artifact) \(.manifest_sha256) \(.content_sha256)"' "$tmp/log" > "$tmp/saved"

# By any of the keys that were given.
is_signed() {
  for key in "$@"; do
    if openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$tmp/signed" -sigfile "$tmp/signature" > "$tmp/openssl" 2>&1
    then return 0; fi
  done
  return 1
}

one='.dsseEnvelope | select(.payloadType == "application/vnd.in-toto+json" and (.signatures | length) == 1)'
for folder in "$state"/artifacts/art_*; do
  [ -d "$folder" ] || continue
  id=$(basename "$folder")
  manifest=$folder/manifest.sigstore.json
  # A pipe ends as its last command does, so what comes out is looked at.
  jq -r "$one | .payload" "$manifest" 2> "$tmp/jq" | base64 -d > "$tmp/payload" 2> "$tmp/base64" || : > "$tmp/payload"
  jq -r "$one | .signatures[0].sig" "$manifest" 2> "$tmp/jq" | base64 -d > "$tmp/signature" 2> "$tmp/base64" || : > "$tmp/payload"
  [ -s "$tmp/payload" ] && [ -s "$tmp/signature" ] || bad "$manifest is no manifest"
  # The pre-authentication encoding of DSSE.
  { printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(wc -c < "$tmp/payload")"; cat "$tmp/payload"; } > "$tmp/signed"
  is_signed "$@" || bad "$manifest is not signed by a key that you gave"
  digest=$(sha256sum < "$tmp/payload" | cut -c1-64)
  [ "$id" = "art_$(printf %s "$digest" | cut -c1-24)" ] || bad "$folder holds the manifest of another artifact"

  name=$(jq -r '.subject[0].name' "$tmp/payload")
  case $name in '' | . | .. | */* | *\\*) bad "$folder names no file" ;; esac
  content=$folder/content/$name
  [ -f "$content" ] && [ ! -L "$content" ] || bad "$content is not there"
  found=$(sha256sum < "$content" | cut -c1-64)
  [ "$found" = "$(jq -r '.subject[0].digest.sha256' "$tmp/payload")" ] || bad "$content is not what was saved"
  if ! grep -qxF -- "$id $digest $found" "$tmp/saved"; then
    if grep -qF -- "$id " "$tmp/saved"; then bad "the record of $id is about something else"; fi
    [ "$first" != 1 ] || bad "no record says that $id was saved"
  fi

  jq -r --argjson first "$first" '.predicate.buildDefinition.resolvedDependencies[]
    | select((.uri | startswith("cloned:call/")) and .annotations.seq >= $first)
    | "\(.annotations.seq) \(.digest.sha256)"' "$tmp/payload" > "$tmp/calls"
  while IFS= read -r call; do
    grep -qxF -- "$call" "$tmp/lines" || bad "$id names a call that record ${call%% *} is not about"
  done < "$tmp/calls"
  printf 'ok: %s %s by %s\n' "$id" "$name" "$(jq -r '.predicate.buildDefinition.internalParameters.actor.id' "$tmp/payload")"
done
