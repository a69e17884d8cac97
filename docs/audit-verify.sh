#!/bin/sh
# Checks an audit log with nothing but a shell, GNU coreutils, sed and openssl 3; it shares no code with the log's writer
# and must never write outside of its temporary directory.
#
#   audit-verify.sh DIRECTORY [VKEY]
#
# DIRECTORY holds audit.log and audit/ (a workspace's .cloned, or a copy of it). VKEY is the verifier key, or a file with
# it on the last line; without it the key that lies beside the log is taken, which proves nothing against a forger.
# Exit: 0 good, 5 not good (the first line says tampered, truncated, torn or unverifiable), 2 wrong use.
set -eu
LC_ALL=C
export LC_ALL

[ $# -ge 1 ] && [ -d "$1" ] || { echo "usage: $0 DIRECTORY [VKEY]" >&2; exit 2; }
dir=$(cd "$1" && pwd)
vkey=${2:-}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

bad() { printf '%s: %s\n' "$1" "$2"; exit 5; }

# SHA-256 of every file 0000000, 0000001 … of a directory, one in a line.
hash_files() (
  cd "$1"
  for block in $(seq -w 0 999); do
    [ -e "${block}0000" ] || break
    sha256sum -- "$block"*
  done | cut -c1-64
)

unhex() { tr a-f A-F | basenc --base16 -d; }

# -- the files, oldest first -------------------------------------------------------------------------------------------
: > "$tmp/log"
for file in "$dir"/audit/segments/*.jsonl "$dir/audit.log"; do
  [ ! -f "$file" ] || cat -- "$file" >> "$tmp/log"
done
[ -s "$tmp/log" ] || bad truncated "there is no log in $dir"
[ "$(tail -c 1 "$tmp/log" | od -An -tu1 | tr -d ' ')" = 10 ] || bad torn "the last line is incomplete"
records=$(wc -l < "$tmp/log" | tr -d ' ')
[ "$records" -le 9999999 ] || bad unverifiable "more than 9999999 records"

# -- the chain ---------------------------------------------------------------------------------------------------------
prefix='^{"v":1,"seq":\([1-9][0-9]*\),"prev":"\([0-9a-f]\{64\}\)",.*}$'
sed -n "s/$prefix/\1/p" "$tmp/log" > "$tmp/seqs"
sed -n "s/$prefix/\2/p" "$tmp/log" > "$tmp/prevs"
first=$(sed -n 1p "$tmp/seqs")
[ -n "$first" ] || bad tampered "line 1 does not start as lines of the log do"
seq "$first" $((first + records - 1)) > "$tmp/expected"
cmp -s "$tmp/seqs" "$tmp/expected" || bad tampered "records are missing, repeated, moved or not of the log"

mkdir "$tmp/lines"
split -l 1 -a 7 -d "$tmp/log" "$tmp/lines/"
hash_files "$tmp/lines" > "$tmp/hashes"
if [ "$first" = 1 ]; then printf '%064d\n' 0 > "$tmp/chain"; else sed -n 1p "$tmp/prevs" > "$tmp/chain"; fi
sed '$d' "$tmp/hashes" >> "$tmp/chain"
if ! cmp -s "$tmp/chain" "$tmp/prevs"; then
  line=$(cmp "$tmp/chain" "$tmp/prevs" | sed 's/.* line //')
  bad tampered "record $((first + line - 1)) does not follow from the record before it"
fi
last=$((first + records - 1))

# -- the signature -----------------------------------------------------------------------------------------------------
note=$dir/audit/checkpoint
[ -f "$note" ] || bad unverifiable "records $first to $last are unbroken, and nothing is signed"
trust="a key given by you"
if [ -z "$vkey" ]; then
  vkey=$dir/audit/vkey
  trust="the key that lies beside the log: compare it with one kept elsewhere"
fi
case $vkey in *+*+*) ;; *) [ -f "$vkey" ] || bad unverifiable "no verifier key $vkey"; vkey=$(tail -n 1 -- "$vkey") ;; esac
name=${vkey%%+*}
rest=${vkey#*+}
id=${rest%%+*}
printf '%s' "${rest#*+}" | base64 -d > "$tmp/key" 2>/dev/null || bad unverifiable "the verifier key is not readable"
[ "$(wc -c < "$tmp/key")" -eq 33 ] && [ "$(head -c 1 "$tmp/key" | od -An -tx1 | tr -d ' ')" = 01 ] ||
  bad unverifiable "the verifier key is not an Ed25519 key"
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; tail -c 32 "$tmp/key"; } > "$tmp/key.der"

sed '/^$/,$d' "$note" > "$tmp/text"
[ "$(sed -n 1p "$tmp/text")" = "$name" ] || bad tampered "the checkpoint is not of the log of this key"
# The dash is U+2014; names hold no space.
sed '1,/^$/d' "$note" | sed -n 's/^\xe2\x80\x94 \([^ ]*\) \([A-Za-z0-9+\/=]*\)$/\1 \2/p' > "$tmp/signatures"
found=no
while read -r signer signature; do
  printf '%s' "$signature" | base64 -d > "$tmp/raw" 2>/dev/null || bad tampered "a signature is not readable"
  [ "$signer" = "$name" ] && [ "$(head -c 4 "$tmp/raw" | od -An -tx1 | tr -d ' ')" = "$id" ] || continue
  tail -c +5 "$tmp/raw" > "$tmp/signature"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$tmp/key.der" -rawin -in "$tmp/text" -sigfile "$tmp/signature" \
    > "$tmp/openssl" 2>&1 || bad tampered "the signature of the checkpoint does not verify"
  found=yes
done < "$tmp/signatures"
[ "$found" = yes ] || bad tampered "the checkpoint is not signed by this key"

# -- the tree (RFC 6962) -----------------------------------------------------------------------------------------------
size=$(sed -n 2p "$tmp/text")
root=$(sed -n 3p "$tmp/text")
case $size in '' | *[!0-9]*) bad tampered "the checkpoint has no size" ;; esac
[ "$size" -le "$last" ] || bad truncated "$size records were signed, and the log ends at $last"
if [ "$first" != 1 ]; then
  echo "ok: records $first to $last are unbroken; the checkpoint is signed by $trust"
  echo "not checked: whether it signs these records, because those before $first were pruned"
  exit 0
fi
[ "$size" -gt 0 ] || bad unverifiable "the checkpoint covers nothing"
mkdir "$tmp/leaves"
head -n "$size" "$tmp/log" | sed 's/^/\x00/' | split -l 1 -a 7 -d - "$tmp/leaves/"
hash_files "$tmp/leaves" > "$tmp/level"
while [ "$(wc -l < "$tmp/level")" -gt 1 ]; do
  paste -d '\0' - - < "$tmp/level" > "$tmp/pairs"
  rm -rf "$tmp/nodes"
  mkdir "$tmp/nodes"
  sed -n '/^.\{128\}$/s/^/01/p' "$tmp/pairs" | unhex | split -b 65 -a 7 -d - "$tmp/nodes/"
  hash_files "$tmp/nodes" > "$tmp/level"
  # A hash without a neighbour goes up as it is.
  sed -n '/^.\{64\}$/p' "$tmp/pairs" >> "$tmp/level"
done
[ "$(unhex < "$tmp/level" | base64)" = "$root" ] || bad tampered "the first $size records are not those that were signed"

echo "ok: $records records, unbroken"
echo "signed: records 1 to $size by $trust"
