#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=120
# check and text: verdicts, exit statuses, bad input, JSON, pipes, files that are never half-written, interruption.
set -euo pipefail

# shellcheck source=tests/integration/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
examples=$source_dir/docs/examples
cd "$place"

json() { # EXPRESSION over `r`, the document in out
  python3 -c 'import json, sys
r = json.load(open("out", encoding="utf-8"))
assert eval(sys.argv[1]), sys.argv[1]' "$1" 2>>err || not_ok "JSON: $1"
}

# --- traces ------------------------------------------------------------------------------------------------------
header() { printf 'go 1.%s trace\0\0\0' "$1"; }
gauntlet_ends 0 text "$examples/handover.txt" -o whole.trace || true
grep -v '^GoUnblock' "$examples/handover.txt" >stuck.txt
gauntlet_ends 0 text stuck.txt --out=stuck.trace || true
header 23 >header23
header 26 >header26
header 24 >header24
header 21 >v1
: >empty
echo 'this is no trace, but a line of text that is long enough' >prose
head -c $(($(wc -c <whole.trace) - 3)) whole.trace >torn
{
  header 23
  printf '\001\001\001\001\377\377\377\377\017'
} >huge # a batch of 4 GiB
head -c 7 whole.trace >half-header

# --- check: verdicts ---------------------------------------------------------------------------------------------
gauntlet_ends 0 check whole.trace || true
shows out '^whole\.trace: consistent by the strict rules: 13 events, 1 generation$' 'GoUnblock +1 ' 'header 1\.23'
if [ -s err ]; then not_ok 'progress without a terminal'; fi
gauntlet_ends 0 check --rules=go whole.trace || true
shows out 'by the go rules'
gauntlet_ends 1 check stuck.trace || true
shows out '^stuck\.trace: inconsistent .*rejects it$' '^ +1 +failed-to-advance +rule O5' \
  '^1\. failed-to-advance at generation 1, M 10[12], byte [0-9]+' "first error: Go's reader stops here, saying \"broken trace: failed to advance" \
  'stuck:' 'event: +GoStart .*g=2 g_seq=3' 'waits for .*Runnable' 'freed by .*G 2'
gauntlet_ends 1 check --rules=go stuck.trace || true
gauntlet_ends 1 check --max-report=0 stuck.trace || true
shows out 'not shown'
if grep -q '^1\.' out; then not_ok '--max-report=0 shows a finding'; fi

# Bad input: one line that says what, where, and what to do.
refused 5 'empty: .*empty' check empty
refused 5 'prose: ' check prose
refused 5 'v1: .*1\.21' check v1
refused 5 'header24: .*1\.24' check header24
refused 5 'half-header: ' check half-header
refused 5 'directory' check .
refused 5 'absent: .*No such file' check absent
refused 2 'FILE' check
refused 2 'lax.*go or strict' check --rules=lax whole.trace
refused 2 'max-report' check --max-report=some whole.trace
gauntlet_ends 1 check torn || true
shows out '^torn: inconsistent' 'byte [0-9]+'
gauntlet_ends 1 check huge || true
shows out '^huge: inconsistent' 'batch-too-large'
gauntlet_ends 1 check header23 || true
shows out 'no-frequency'
gauntlet_ends 0 check --rules=go header26 || true
if [ "$(id -u)" != 0 ]; then
  cp whole.trace secret
  chmod 000 secret
  refused 5 'secret: .*ermission' check secret
fi

# Several files: the worst status, each with its own verdict, a summary.
gauntlet_ends 1 check whole.trace stuck.trace || true
shows out '^whole\.trace: consistent' '^stuck\.trace: inconsistent' '^1 consistent, 1 inconsistent$'
gauntlet_ends 5 check absent stuck.trace whole.trace || true
shows err absent
shows out '^1 consistent, 1 inconsistent, 1 unreadable$'

# JSON: one document, an array for several files, whatever the strings hold.
gauntlet_ends 0 check --json whole.trace || true
json 'r["verdict"] == "consistent" and r["statistics"]["events"] == 13 and r["first_error"] is None'
json 'sum(e["count"] for e in r["statistics"]["by_event"]) == 13 and r["go_accepts"] and r["header"] == "1.23"'
gauntlet_ends 1 check --json stuck.trace || true
json 'r["verdict"] == "inconsistent" and r["inconsistencies"] >= 1 and not r["go_accepts"]'
json 'r["findings"][0]["class"] == "failed-to-advance" and r["findings"][0]["first_error"]'
json 'r["findings"][0]["stuck"][0]["waits_for"] and r["first_error"]["rule"] == "O5"'
json 'sum(k["count"] for k in r["by_rule"]) == r["inconsistencies"]'
gauntlet_ends 1 check --json --max-report=0 stuck.trace || true
json 'r["findings"] == [] and r["findings_left_out"] == r["inconsistencies"]'
gauntlet_ends 5 check --json whole.trace absent empty || true
json '[f["verdict"] for f in r] == ["consistent", "unreadable", "unreadable"] and r[1]["error"]'
printf '\377\033[31m"' >odd-name
sed 's/chan receive/chan \xff\xfe/' stuck.txt >odd.txt
gauntlet_ends 0 text odd.txt -o "$(cat odd-name).trace" || true
gauntlet_ends 1 check --json "$(cat odd-name).trace" || true
json 'r["verdict"] == "inconsistent"'
gauntlet_ends 1 check "$(cat odd-name).trace" || true
if grep -q "$(printf '\033')" out; then not_ok 'a file name reaches the terminal raw'; fi

# Pipes, standard input, a pipe that closes half way, output that cannot be written.
gauntlet_ends 0 check <(cat whole.trace) || true
got=0
cat stuck.trace | "$gauntlet" check - >out 2>err || got=$?
if [ $got != 1 ]; then not_ok "standard input: exit $got"; fi
shows out '^standard input: inconsistent'
gauntlet_ends 1 check <(head -c 60 whole.trace) || true
gauntlet_ends 5 check <(head -c 9 whole.trace) || true
if [ -e /dev/full ]; then
  got=0
  "$gauntlet" check whole.trace >/dev/full 2>err || got=$?
  if [ $got != 5 ]; then not_ok "a full disk: exit $got, not 5"; fi
fi

# A file that grows while it is read is not judged as if it were whole: the rest of it is.
mkfifo feed
cp whole.trace grows
(
  exec 3>feed
  head -c 30 whole.trace >&3
  sleep 0.3
) &
gauntlet_ends 1 check feed || true
shows out 'feed: inconsistent'
wait
python3 - "$gauntlet" <<'PY' || not_ok 'a file that grows'
import os, subprocess, sys, threading, time
data = open("whole.trace", "rb").read()
# Long enough to be still at it when the file grows: whole generations of the same, numbered on.
def varint(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)
freq = b"\x08" + varint(1000000000)
with open("grows", "wb") as f:
    f.write(data[:16])
    for gen in range(1, 200001):
        f.write(b"\x01" + varint(gen) + b"\xff" * 9 + b"\x01" + varint(gen) + varint(len(freq)) + freq)
stop = threading.Event()
def grow():
    with open("grows", "ab", 0) as f:
        while not stop.is_set():
            f.write(b"\x01")
            time.sleep(0.0005)
t = threading.Thread(target=grow)
t.start()
time.sleep(0.05)
p = subprocess.run([sys.argv[1], "check", "grows"], capture_output=True, text=True)
stop.set()
t.join()
open("out", "w").write(p.stdout)
open("err", "w").write(p.stderr)
assert p.returncode == 5 and "while it was read" in p.stderr and p.stdout.startswith("grows: changed"), p.returncode
PY

# INT: what was read is reported, exit 5.
(
  exec 3>feed # waits for the reader
  cat whole.trace >&3
  : >fed
  exec sleep 30
) &
writer=$!
"$gauntlet" check feed >out 2>err &
pid=$!
until [ -e fed ]; do sleep 0.05; done
sleep 0.2
kill -INT $pid
got=0
wait $pid || got=$?
kill $writer 2>/dev/null || true
wait $writer 2>/dev/null || true
if [ $got != 5 ]; then not_ok "interrupted: exit $got, not 5"; fi
shows err interrupted

# --- text: both ways -------------------------------------------------------------------------------------------------
gauntlet_ends 0 text whole.trace || true
shows out '^Trace Go1\.23$' '^EventBatch gen=1 m=101 ' '^GoUnblock dt=3000 g=2 g_seq=2 stack=4$'
cp out back.txt
gauntlet_ends 0 text back.txt -o back.trace || true
cmp -s back.trace whole.trace || not_ok 'binary, text, binary: not the same'
gauntlet_ends 0 text back.trace -o again.txt || true
cmp -s back.txt again.txt || not_ok 'text, binary, text: not the same'
gauntlet_ends 0 text whole.trace --out=to-file.txt || true
if [ -s out ]; then not_ok '--out writes to standard output too'; fi
cmp -s back.txt to-file.txt || not_ok '--out differs'
"$gauntlet" text - <whole.trace >out 2>err || not_ok 'standard input'
cmp -s out back.txt || not_ok 'standard input differs'
"$gauntlet" text "$examples/handover.txt" >piped.trace 2>err || not_ok 'binary to a redirection'
cmp -s piped.trace whole.trace || not_ok 'a redirection differs'
gauntlet_ends 1 text torn || true
shows out '^GoUnblock'
shows err 'torn: '
refused 5 'empty' text empty
refused 5 'neither' text prose
refused 5 'directory' text .
refused 5 'absent' text absent
refused 2 'FILE' text
refused 2 'one at a time' text whole.trace stuck.trace
sed 's/^GoUnblock.*/GoUnblok dt=1/' back.txt >misspelt.txt
line=$(grep -n '^GoUnblok' misspelt.txt | cut -d: -f1)
echo old >kept
refused 1 "misspelt\.txt:$line: " text misspelt.txt -o kept
if [ "$(cat kept)" != old ]; then not_ok 'a failed translation touched its output'; fi
gauntlet_ends 0 text back.txt -o kept || true
cmp -s kept whole.trace || not_ok 'the old file is not replaced'
ln -s kept link
gauntlet_ends 0 text whole.trace -o link || true
if [ ! -L link ] || ! cmp -s kept back.txt; then not_ok 'a link is replaced, not its file'; fi
refused 5 'nowhere' text whole.trace -o nowhere/x
if [ -e /dev/full ]; then
  got=0
  "$gauntlet" text whole.trace >/dev/full 2>err || got=$?
  if [ $got != 5 ]; then not_ok "text to a full disk: exit $got, not 5"; fi
  refused 5 '/dev/full' text whole.trace -o /dev/full
fi
if command -v script >/dev/null; then
  got=0
  script -qec "'$gauntlet' text back.txt" tty.log >/dev/null 2>&1 </dev/null || got=$?
  if [ $got != 2 ] || ! grep -q terminal tty.log; then not_ok "a binary trace to a terminal: exit $got"; fi
fi
left=$(find . -name '.*' -type f)
if [ -n "$left" ]; then not_ok "temporary files stay: $left"; fi

if [ $failed = 0 ]; then echo 'ok: check'; fi
exit $failed
