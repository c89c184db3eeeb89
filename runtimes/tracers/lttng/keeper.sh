#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lttng-keeper: keeps a session daemon of LTTng's for one program, which holds the other end of standard input and
# output. When that end is closed, however the program ended, the daemon is ended and all its files are removed.
#
#   first line  ok DIRECTORY (the daemon's LTTNG_HOME) | error WHY
#   register PID   ok when the daemon knows that process
#   start          a session, one channel, all our events, started
#   stop           ok EVENTS_DISCARDED; the session is gone
# GAUNTLET_LTTNG_OUTPUT=DIR keeps the traces, in DIR/1, DIR/2 and so on.
set -u

home=''
daemon=''
traces=0
session=gauntlet
say() { printf '%s\n' "$*"; }
fail() { # WHY [FILE whose last line says more]
  local more=''
  if [ $# -gt 1 ]; then more=$(grep -v '^ *$' "$2" 2>/dev/null | tail -n 1); fi
  say "error $1${more:+: $more}"
}

# The client of root's talks to the one daemon in /var/run/lttng, whatever LTTNG_HOME says. In a user namespace where
# we are somebody else, with the same rights on our files, all is as for any user: nothing but $home is used.
as=()
if [ "$(id -u)" = 0 ]; then as=(unshare --user --map-user=1000 --map-group=1000 --); fi
# 30 s each: session.c waits for an answer longer than for all the calls of one request.
lttng() { LTTNG_HOME=$home timeout 30 "${as[@]}" lttng "$@" >"$home/said" 2>&1 </dev/null; }

# LTTng leaves these behind, where daemons wake programs that wait for one. Ours go unless somebody has them mapped: who needs
# one later makes it anew.
remove_shm() {
  local file
  for file in /dev/shm/lttng-ust-wait-*; do
    if [ -O "$file" ] && ! grep -qs "$file\$" /proc/[0-9]*/maps; then rm -f "$file"; fi
  done
}

clean_up() {
  trap - EXIT TERM HUP INT
  if [ -n "$daemon" ]; then
    kill -TERM "$daemon" 2>/dev/null
    for _ in $(seq 100); do
      kill -0 "$daemon" 2>/dev/null || break
      sleep 0.05
    done
    kill -KILL "$daemon" 2>/dev/null
    wait "$daemon" 2>/dev/null
  fi
  if [ -n "$home" ]; then
    for _ in $(seq 40); do # the consumer notices that the daemon has gone
      grep -qs "$home" /proc/[0-9]*/environ || break
      sleep 0.05
    done
    remove_shm
    rm -rf "$home" # last: who looks whether we have gone looks for it
  fi
}
trap clean_up EXIT
trap 'exit 0' TERM HUP INT

start_daemon() {
  for program in lttng-sessiond lttng timeout setpriv "${as[@]:0:1}"; do
    if ! command -v "$program" >/dev/null; then
      fail "$program is not installed (Debian: lttng-tools, util-linux)"
      return 1
    fi
  done
  if [ ${#as[@]} -gt 0 ] && ! "${as[@]}" true 2>/dev/null; then
    fail 'root needs a user namespace for a daemon of its own, and the kernel refuses one: run as another user'
    return 1
  fi
  home=$(mktemp -d "${TMPDIR:-/tmp}/gauntlet-lttng.XXXXXX") || { fail 'no temporary directory'; return 1; }
  LTTNG_HOME=$home "${as[@]}" setpriv --pdeathsig TERM lttng-sessiond --no-kernel \
    >"$home/log" 2>&1 </dev/null &
  daemon=$!
  local end=$((SECONDS + 60))
  while [ $SECONDS -lt $end ]; do
    if ! kill -0 "$daemon" 2>/dev/null; then break; fi
    if [ -S "$home/.lttng/client-lttng-sessiond" ] && lttng list; then return 0; fi
    sleep 0.05
  done
  fail 'lttng-sessiond does not come up' "$home/log"
  return 1
}

known() { # PID
  local end=$((SECONDS + 60))
  while [ $SECONDS -lt $end ]; do
    if lttng list --userspace && grep -q "^PID: $1 " "$home/said" && grep -q 'gauntlet:GoStart' "$home/said"; then
      return 0
    fi
    sleep 0.05
  done
  return 1
}

# Buffers by user and CPU, eight of 1 MiB; what finds them full is discarded and counted. Reading is the consumer
# daemon's, woken as sub-buffers fill, not by a timer. After a failure nothing is left of it, and $home/why says why.
start_session() {
  traces=$((traces + 1))
  local output=$home/traces/$traces
  if [ -n "${GAUNTLET_LTTNG_OUTPUT:-}" ]; then output=$GAUNTLET_LTTNG_OUTPUT/$traces; fi
  mkdir -p "$output" 2>"$home/said" &&
    lttng create "$session" --output="$output" &&
    lttng enable-channel --userspace --session="$session" --buffers-uid --discard \
      --subbuf-size=1M --num-subbuf=8 events &&
    lttng enable-event --userspace --session="$session" --channel=events 'gauntlet:*' &&
    lttng start "$session" && return 0
  mv "$home/said" "$home/why"
  lttng destroy "$session"
  return 1
}

# Sum over all channels.
discarded() { awk '/Discarded events:/ { n += $3; found = 1 } END { if (!found) exit 1; print n + 0 }' "$home/said"; }

stop_session() {
  local lost=''
  lttng stop "$session" && lttng list "$session" && lost=$(discarded)
  mv "$home/said" "$home/why"
  if ! lttng destroy "$session"; then
    fail 'the session does not end' "$home/said"
    return
  fi
  rm -rf "$home/traces"
  if [ -n "$lost" ]; then say "ok $lost"; else fail 'what the session discarded is not known' "$home/why"; fi
}

if ! start_daemon; then exit 1; fi
say "ok $home"
while read -r verb argument; do
  case $verb in
    register) if known "$argument"; then say ok; else fail "the daemon does not know process $argument" "$home/said"; fi ;;
    start) if start_session; then say ok; else fail 'no session' "$home/why"; fi ;;
    stop) stop_session ;;
    *) fail "'$verb' is unknown" ;;
  esac
done
