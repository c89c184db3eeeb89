#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick,full timeout=120 presets=release
# The keeper of the tracer lttng, whose LTTng is played here: a session that cannot be made whole is not left behind, and
# each failure is told for what it is.
set -euo pipefail

keeper=${GT_SOURCE_DIR:?}/runtimes/tracers/lttng/keeper.sh
for program in setpriv timeout python3; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is not installed"
    exit 77
  fi
done
if [ "$(id -u)" = 0 ] && ! unshare --user --map-user=1000 --map-group=1000 -- true 2>/dev/null; then
  echo 'root needs a user namespace, and the kernel refuses one'
  exit 77
fi
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0

mkdir "$place/bin" "$place/tmp"
cat >"$place/bin/lttng-sessiond" <<'SH'
#!/bin/sh
mkdir -p "$LTTNG_HOME/.lttng"
exec python3 -c 'import signal, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
signal.pause()' "$LTTNG_HOME/.lttng/client-lttng-sessiond"
SH
# $PLAY/fails holds the one command that fails; $PLAY/session is there while a session is.
cat >"$place/bin/lttng" <<'SH'
#!/bin/sh
if [ "$1" = "$(cat "$PLAY/fails")" ] && [ $# -gt 1 ]; then
  echo "the $1 fails"
  exit 1
fi
case $1 in
  create) if [ -e "$PLAY/session" ]; then echo 'Session gauntlet already exists'; exit 1; fi; touch "$PLAY/session" ;;
  destroy) rm "$PLAY/session" ;;
  list) echo '  Discarded events: 3' ;;
esac
SH
chmod +x "$place/bin/lttng" "$place/bin/lttng-sessiond"
chmod -R a+rX "$place"
: >"$place/fails"

PLAY=$place TMPDIR=$place/tmp PATH=$place/bin:$PATH
export PLAY TMPDIR PATH
coproc K { exec bash "$keeper"; }
exec 3<&"${K[0]}" 4>&"${K[1]}"

# answers REQUEST ANSWER
answers() {
  local line='(nothing)'
  echo "$1" >&4
  read -r -t 60 line <&3 || true
  if [ "$line" != "$2" ]; then
    echo "not ok - '$1' is answered '$line', not '$2'"
    failed=1
  fi
}
fails() { echo "$1" >"$place/fails"; }

read -r -t 60 first <&3 || true
case $first in
  "ok $place/tmp/"*) ;;
  *)
    echo "not ok - the keeper begins with '$first'"
    exit 1
    ;;
esac
for step in enable-channel enable-event start; do
  fails "$step"
  answers start "error no session: the $step fails"
done
fails ''
answers start 'ok'
answers stop 'ok 3'
for step in stop list; do
  answers start 'ok'
  fails "$step"
  answers stop "error what the session discarded is not known: the $step fails"
  fails ''
done
answers start 'ok'
fails destroy
answers stop 'error the session does not end: the destroy fails'
answers nonsense "error 'nonsense' is unknown"
keeper_pid=$K_PID
exec 3<&- 4>&-
eval "exec ${K[0]}<&- ${K[1]}>&-"
wait "$keeper_pid" || true
if [ -n "$(ls "$place/tmp")" ]; then
  echo 'not ok - the keeper leaves files'
  failed=1
fi
exit $failed
