#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: timeout=240
# `gauntlet run` and `gauntlet plan`: a tiny plan, its table, JSON and files; cells that crash, hang and lie; going on;
# being interrupted; bad plans; folders and disks that cannot be written.
set -euo pipefail
# shellcheck source=tests/integration/lib_run.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_run.sh"
make_stand_in

cat >"$place/tiny.ini" <<'TEXT'
[stress]
tests = gc-stop, inject
schedulers = worksteal, fifo
tracers = gen
duration = 200ms
[faults]
faults = stack_after_block
duration = 200ms
[overhead]
workloads = on-yield
schedulers = worksteal
tracers = gen
duration = 50ms
repetitions = 9
TEXT

# ---- the table, the JSON, the files
run 0 --plan="$place/tiny.ini" --out="$place/a" --seed=7 "${stand_ins[@]}" || true
cp "$place/out" "$place/table"
if [ "$(grep -v '^re[sp]' "$place/table" | awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }')" -gt 100 ]; then
  not_ok 'the table is wider than 100 columns'
fi
for words in '^worksteal/gen  *2/2  *0  *14  *2\.00k' '^fifo/gen  *2/2  *0  *14' '42\.0 us$' \
  'planted faults: 1 of 1 found' 'stack_after_block .*found .*order/goroutine-status .*0\.5 s' \
  "results in $place/a/cells" "report in $place/a/report.txt" 'seed 7'; do
  grep -q -- "$words" "$place/table" || not_ok "no '$words' in the table"
done
cmp -s "$place/table" "$place/a/report.txt" || not_ok 'report.txt is the table'
json "$place/a/result.json" '
assert d["complete"] and d["status"] == 0 and d["seed"] == 7 and len(d["cells"]) == 6, d
row = [r for r in d["rows"] if r["scheduler"] == "worksteal"][0]
assert row["overhead_percent"] > 0 and row["windows"] == 14 and row["verdicts"] == {"ok": 2}, row
assert d["faults"][0]["found"] == 1, d'
json "$place/a/cells/0000.json" '
assert d["verdict"] == "ok" and d["benchmarks"][0]["events"] == 1000 and d["benchmarks"][0]["name"], d
e = d["context"]["environment"]
for key in "cpu", "kernel", "topology", "settings", "mitigations", "build", "libraries":
    assert e[key], key
assert e["build"]["revision"] and e["build"]["flags"]'
json "$place/a/cells/0005.json" '
assert d["verdict"] == "ok" and len(d["benchmarks"][0]["samples"]) == 9, d'
json "$place/a/run.json" 'assert d["plan"]["text"].startswith("[stress]") and len(d["plan"]["cells"]) == 6'
run 0 --plan="$place/tiny.ini" --out="$place/b" --json "${stand_ins[@]}" || true
json "$place/out" 'assert d["complete"] and len(d["rows"]) == 2'

# ---- plan: the same cells, and nothing runs
"$gauntlet" plan "$place/tiny.ini" >"$place/out" 2>"$place/err" || not_ok 'plan'
if [ "$(grep -c 's  \(stress\|faults\|overhead\)/' "$place/out")" != 6 ] || ! grep -q '^6 cells, about ' "$place/out"; then
  not_ok 'plan: six cells'
fi
"$gauntlet" plan --json "$place/tiny.ini" >"$place/out" 2>"$place/err" || not_ok 'plan --json'
json "$place/out" 'assert len(d["cells"]) == 6 and d["estimate_s"] > 1'
"$gauntlet" plan >"$place/default.ini" 2>"$place/err" || not_ok 'plan prints the default one'
cmp -s "$place/default.ini" "${GT_SOURCE_DIR:?}/plans/default.ini" || not_ok 'that is plans/default.ini'
"$gauntlet" plan "$place/default.ini" >"$place/out" 2>"$place/err" || not_ok 'the default plan is one'

# ---- cells that go wrong: which verdict, which exit status
behaves() { # STATUS VERDICT ACT WORDS
  echo "gc-stop $3" >"$place/act"
  rm -rf "$place/c"
  run "$1" --plan="$place/one.ini" --out="$place/c" "${stand_ins[@]}" || return 0
  json "$place/c/cells/0000.json" "assert d['verdict'] == '$2' and '$4' in d['why'], (d['verdict'], d['why'])"
  json "$place/c/cells/0001.json" 'assert d["verdict"] == "ok"'
}
printf '[stress]\ntests = gc-stop, inject\nduration = 100ms\ntimeout = 1s\n' >"$place/one.ini"
behaves 5 incomplete crash 'signal 11'
behaves 5 incomplete hang 'no end within'
behaves 5 incomplete garbage 'exit status 0'
behaves 5 incomplete silent 'exit status 0'
behaves 5 incomplete usage 'no such option'
behaves 4 void refused 'lacks it'
behaves 4 void void 'said void'
behaves 1 failed liar 'no entry says why'
behaves 3 inconclusive inconclusive 'said inconclusive'
behaves 1 inconsistent inconsistent 'said inconsistent'
grep -q 'kept' "$place/c/files/0000/trace" || not_ok 'what a cell left is kept'
grep -q '^worksteal/gen  *1/2  *3 ' "$place/out" || not_ok 'inconsistencies are counted'
printf 'gc-stop inconclusive\ninject inconsistent\n' >"$place/act"
run 1 --plan="$place/one.ini" --out="$place/d" "${stand_ins[@]}" || true
printf 'gc-stop crash\ninject inconsistent\n' >"$place/act"
run 5 --plan="$place/one.ini" --out="$place/e" "${stand_ins[@]}" || true

# A fault that is missed; no faults build: its cells are void, the rest runs and is kept.
printf '[faults]\nfaults = stack_after_block, inject_event_first\nduration = 100ms\n' >"$place/faults.ini"
printf 'inject_event_first missed\nstack_after_block other\n' >"$place/act"
run 1 --plan="$place/faults.ini" --out="$place/f" "${stand_ins[@]}" || true
for words in 'planted faults: 0 of 2 found' 'inject_event_first .*MISSED .*no oracle saw it' \
  'stack_after_block .*MISSED .*seen by order/goroutine-status, not by who must'; do
  grep -q -- "$words" "$place/out" || not_ok "no '$words': one is missed, one seen by another oracle alone"
done
printf 'inject_event_first windowless\nstack_after_block later\n' >"$place/act"
run 1 --plan="$place/faults.ini" --out="$place/f2" "${stand_ins[@]}" || true
for words in 'planted faults: 1 of 2 found' 'stack_after_block .*found .*goroutine-status (+)' '(+) after another oracle'; do
  grep -q -- "$words" "$place/out" || not_ok "no '$words': found after another oracle had seen something"
done
json "$place/f2/result.json" '
first = {f["fault"]: f["first"] for f in d["faults"]}
assert first["stack_after_block"] == "truth/outside-section", first'
json "$place/f2/cells/0001.json" 'assert d["verdict"] == "failed" and "did not enter the window" in d["why"], d["why"]'

# Rounds that are void are named, though the cell is ok.
printf 'inject voids\n' >"$place/act"
run 0 --plan="$place/one.ini" --out="$place/voids" "${stand_ins[@]}" || true
grep -q -- '^1 of [0-9]* rounds, of 1 cells, are void' "$place/out" || not_ok 'void rounds are in the notes'

# A program that dies after its last word: its figures are kept, and are none of the table's.
cat >"$place/dies" <<TEXT
#!/usr/bin/env bash
"$gauntlet" "\$@"
kill -SEGV \$\$
TEXT
chmod +x "$place/dies"
sed -n '/^\[overhead/,$p' "$place/tiny.ini" >"$place/price.ini"
run 5 --plan="$place/price.ini" --out="$place/dead" --lean-program="$place/dies" "${stand_ins[@]}" || true
json "$place/dead/result.json" '
(row,) = d["rows"]
assert row["overhead_percent"] is None and row["overhead_workloads"] == 0 and row["void_figures"] == 1, row'
rm "$place/act"
ln -s "$GT_BUILD_DIR" "$place/alone"
cp "$gauntlet" "$place/gauntlet"
got=0
"$place/gauntlet" run --no-report --plan="$place/tiny.ini" --out="$place/g" --oracle-program="$place/program" \
  --lean-program="$gauntlet" >"$place/out" 2>"$place/err" || got=$?
if [ $got != 4 ] || ! grep -q 'cmake --preset faults' "$place/err"; then not_ok "no faults build: exit $got, not 4"; fi
json "$place/g/result.json" 'assert [c["verdict"] for c in d["cells"]] == ["ok"] * 4 + ["void", "ok"], d["cells"]'

# ---- going on: what is incomplete or void runs again, with the same seed; another plan or seed is refused
printf 'inject hang\n' >"$place/act"
run 5 --plan="$place/one.ini" --out="$place/h" --seed=11 "${stand_ins[@]}" || true
rm "$place/act" "$place/called"
run 2 --resume --plan="$place/tiny.ini" --out="$place/h" "${stand_ins[@]}" || true
grep -q 'another plan' "$place/err" || not_ok 'another plan is said'
run 2 --resume --seed=12 --out="$place/h" "${stand_ins[@]}" || true
run 2 --plan="$place/one.ini" --out="$place/h" "${stand_ins[@]}" || true
grep -q -- '--resume' "$place/err" || not_ok 'a folder that is taken'
run 2 --resume --out="$place/none" "${stand_ins[@]}" || true
run 0 --resume --out="$place/h" "${stand_ins[@]}" || true
json "$place/h/cells/0001.json" "assert open('$place/called').read() == 'inject %d\n' % d['cell']['seed'] and d['verdict'] == 'ok'"
run 0 --resume --seed=11 --plan="$place/one.ini" --out="$place/h" "${stand_ins[@]}" || true

# What a cell found before it was cut short stays found; it does not run again.
printf 'inject cut\ngc-stop hang\n' >"$place/act"
run 5 --plan="$place/one.ini" --out="$place/cut" "${stand_ins[@]}" || true
rm "$place/act" "$place/called"
run 1 --resume --out="$place/cut" "${stand_ins[@]}" || true
json "$place/cut/cells/0001.json" '
assert d["verdict"] == "inconsistent" and d["why"].startswith("3 inconsistencies, then incomplete"), d["why"]
assert d["benchmarks"][0]["inconsistencies"] == 3'
if grep -q inject "$place/called"; then not_ok 'a cell with findings runs again'; fi
grep -q '^worksteal/gen  *1/2  *3 ' "$place/out" || not_ok 'they are in the table of the run that went on'

# Another program of any kind is refused, one that was not there before is not.
for name in oracle faults; do
  sed 's/^exit /# changed\nexit /' "$place/program" >"$place/changed"
  chmod +x "$place/changed"
  run 2 --resume --out="$place/h" "${stand_ins[@]}" "--$name-program=$place/changed" || true
  grep -q "another $name program" "$place/err" || not_ok "another $name program is said"
done

# ---- interrupted: what is finished stays, the cell at work is incomplete, the rest was not run
for signal in INT TERM; do
  printf 'inject hang\n' >"$place/act"
  printf '[stress]\ntests = gc-stop, inject, stacks\nduration = 100ms\n' >"$place/three.ini"
  rm -f "$place/called"
  "$gauntlet" run --no-report --plan="$place/three.ini" --out="$place/$signal" "${stand_ins[@]}" >"$place/out" 2>"$place/err" &
  pid=$!
  until grep -q inject "$place/called" 2>/dev/null; do sleep 0.02; done
  kill -$signal $pid
  got=0
  wait $pid || got=$?
  if [ $got != 5 ] || ! grep -q -- '--resume' "$place/err"; then not_ok "$signal: exit $got, not 5"; fi
  json "$place/$signal/result.json" '
assert [c["verdict"] for c in d["cells"]] == ["ok", "incomplete", None] and not d["complete"], d["cells"]'
  grep -q '^worksteal/gen' "$place/out" || not_ok 'no partial table'
done
rm "$place/act"
run 0 --resume --out="$place/INT" "${stand_ins[@]}" || true

# ---- bad plans: the file, the line, the reason; nothing is written
bad_plan() { # TEXT WORDS
  printf '%b' "$1" >"$place/bad.ini"
  run 2 --plan="$place/bad.ini" --out="$place/bad" "${stand_ins[@]}" || return 0
  if [ -e "$place/bad" ]; then not_ok "a folder is made for a bad plan: $2"; fi
  if [ "$(wc -l <"$place/err")" != 1 ] || ! grep -qF -- "bad.ini:$2" "$place/err"; then not_ok "bad plan: $2"; fi
}
bad_plan '[stress]\ntests = nope\nduration = 1s\n' "2: tests: 'nope' is no stress test: use syscall-storm"
bad_plan '[stress]\ntests = inject\nduration = 10\n' "3: duration: '10': the unit is missing"
bad_plan '[stress]\ntests = inject\ncolour = red\n' "3: 'colour' is no key of [stress]: use tests"
bad_plan '[stress a]\ntests = inject\nduration = 1s\n[stress b]\ntests = inject\nduration = 2s\n' '4: duplicate cell'
bad_plan '[stress]\ntests = inject\nschedulers = nope\n' "3: schedulers: "
bad_plan '[stress]\ntests = inject\nprocs = 0\n' "3: procs: '0' is not a number of Ps"
bad_plan '[stress]\ntests = inject\ngeneration = often\n' '3: generation: '
bad_plan '[stress]\ntests = inject\nsyscalls = both\n' "3: syscalls: 'both' is no syscall model: use scanbit, status"
bad_plan '[stress]\ntests = inject\nbind = socket\n' "3: bind: 'socket' is no binding: use none"
bad_plan '[faults]\nfaults = nope\n' "2: faults: 'nope' is no fault: use "
bad_plan '[overhead]\nworkloads = nope\n' "2: workloads: 'nope' is no row or workload of bench: use switch"
run 2 --plan="$place/absent.ini" || true
run 2 --faults-program="$place/absent" || true
run 2 stray || true
run 2 --plan || true

# ---- folders and disks
run 5 --plan="$place/one.ini" --out=/dev/null/nowhere "${stand_ins[@]}" || true
grep -q 'cannot be written' "$place/err" || not_ok 'a folder that cannot be'
rm -f "$place/called"
if [ "$(id -u)" != 0 ]; then
  mkdir "$place/locked"
  chmod 500 "$place/locked"
  run 5 --plan="$place/one.ini" --out="$place/locked/x" "${stand_ins[@]}" || true
fi
if [ -e "$place/called" ]; then not_ok 'a cell ran though its folder cannot be written'; fi
# A limit on the size of a file, met by the second cell's record, is a full disk.
printf 'inject crash\n' >"$place/act"
sed -i "s|echo 'about to crash' >&2;|head -c 60000 /dev/zero \| tr '\\\\0' x >\&2;|" "$place/program"
full_disk() { # FOLDER
  json "$1/cells/0000.json" 'assert d["verdict"] == "ok"'
  if [ -e "$1/cells/0001.json" ]; then not_ok 'a record that did not fit'; fi
  grep -q 'cannot be kept' "$place/err" || not_ok 'a full disk is said'
}
got=0
(ulimit -f 8 && exec "$gauntlet" run --no-report --plan="$place/three.ini" --out="$place/limited" "${stand_ins[@]}") \
  >"$place/out" 2>"$place/err" || got=$?
if [ $got != 5 ]; then not_ok "a limit on files: exit $got, not 5"; fi
full_disk "$place/limited"

# The same on a disk that is full, where one can be had.
sed -n '/^\[stress/,$p' "$place/one.ini" >"$place/disk.ini"
printf 'runs = 20\n' >>"$place/disk.ini"
rm "$place/act"
mkdir "$place/disk"
got=0
# shellcheck disable=SC2016 # the inner shell expands it
unshare --mount bash -c 'mount -t tmpfs -o size=64k none "$1/disk" 2>/dev/null || exit 77
  status=0
  "${@:2}" --out="$1/disk/x" >"$1/out" 2>"$1/err" || status=$?
  cp -r "$1/disk/x" "$1/full"
  exit $status' - "$place" "$gauntlet" run --no-report --plan="$place/disk.ini" "${stand_ins[@]}" 2>/dev/null || got=$?
if [ $got = 77 ] || [ ! -d "$place/full" ]; then
  echo '# SKIP a full disk: no file system can be mounted here; the limit above stands for it'
else
  if [ $got != 5 ] || ! grep -q 'cannot be kept: No space' "$place/err"; then not_ok "a full disk: exit $got, not 5"; fi
  if [ "$(find "$place/full/cells" -name '0*.json' | wc -l)" -lt 3 ]; then not_ok 'a full disk: nothing was kept'; fi
  for file in "$place"/full/cells/0*.json; do json "$file" 'assert d["verdict"] == "ok"'; done
  grep -q 'incomplete' "$place/out" || not_ok 'a full disk: the cell is incomplete'
fi

# ---- six cells with the real programs: clean, windows entered, figures measured. A loaded machine may leave a window
# out: then a stress cell says so, and the exit status is 3.
if [ "${GT_PRESET:-}" = release ]; then
  printf '%s\n' '[stress]' 'tests = gc-stop, callback' 'schedulers = worksteal, fifo' 'tracers = gen' 'duration = 300ms' \
    '[overhead]' 'workloads = event, on-yield' 'schedulers = worksteal' 'tracers = gen' 'duration = 200ms' \
    'repetitions = 9' >"$place/real.ini"
  got=0
  "$gauntlet" run --no-report --plan="$place/real.ini" --out="$place/real" >"$place/out" 2>"$place/err" </dev/null || got=$?
  json "$place/real/result.json" '
verdicts = [c["verdict"] for c in d["cells"]]
assert d["complete"] and len(verdicts) == 6 and verdicts[4:] == ["ok", "ok"], d["cells"]
assert set(verdicts) <= {"ok", "inconclusive"} and '"$got"' == (3 if "inconclusive" in verdicts else 0), (verdicts, '"$got"')
row = d["rows"][0]
assert row["inconsistencies"] == 0 and row["windows"] > 100 and row["events"] > 1000, row
assert row["world_stop_max_ns"] > 0 and row["ns_per_event"] > 0, row'
fi

if [ $failed = 0 ]; then echo 'ok: run'; fi
exit $failed
