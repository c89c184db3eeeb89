#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# GT_TEST: labels=quick presets=release timeout=180
# `gauntlet compare` and `gauntlet gate` as a user meets them: verdicts, exit statuses, every bad input of theirs, baselines;
# the statistics beneath them against values worked out by hand.
set -euo pipefail
# shellcheck source=tests/integration/lib_results.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib_results.sh"
results_python 'numpy, scipy, statsmodels, sqlite3'
results_tests stats changepoints comparison
PYTHONPATH=$source_dir/results:$source_dir/tests/results "$python" "$source_dir/tests/results/make_compare.py" "$place" || exit 1
cd "$place"
store=--store=$place/store.sqlite

# ---- compare: reports only
gauntlet_is 0 compare base.json slower.json "$store"
says out 'worse (1)'
says out 'yield/runtime:gmp/sched:worksteal/procs:1/bind:pu'
says out '+20.0 % ('
says out '1 worse, 3 same'
says err 'no noise was measured'
if grep -q 'same (' "$place/out"; then not_ok 'what is the same is not listed'; fi
gauntlet_is 0 compare base.json slower.json "$store" --all
says out 'same (3)'
if awk 'length($0) > 100' "$place/out" | grep -q .; then not_ok 'wider than 100 columns'; fi
gauntlet_is 0 compare base.json faster.json "$store"
says out 'better (1)'
gauntlet_is 0 compare few.json few.json "$store" --metric=time
says out 'too few samples: 3 and 3, 4 each can tell'
gauntlet_is 0 compare base.json slower.json "$store" --metric=time --cells='ping*' --json
"$python" - "$place/out" <<'PY' || not_ok 'the JSON of compare'
import json, sys
d = json.load(open(sys.argv[1]))
(row,) = d["rows"]
assert row["verdict"] == "same" and row["metric"] == "time" and row["samples"] == [9, 9], row
assert row["change"]["low"] <= 0 <= row["change"]["high"] and row["threshold"]["source"] == "assumed", row
PY
gauntlet_is 0 compare clean found "$store"
says out '3 inconsistencies where there was none'
gauntlet_is 0 compare base.json void.json "$store"
says out 'without numbers in NEW (1)'
says out 'void: the clock stood still'
gauntlet_is 0 compare base.json less.json "$store"
says out 'missing from NEW (1)'
gauntlet_is 0 compare less.json base.json "$store"
says out 'only in NEW (1)'

# ---- gate: each exit status, and why
gate_is() { # STATUS BASE NEW WORDS [OPTION...]
  gauntlet_is "$1" gate "$2" "$3" "$store" "${@:5}"
  says out "$4"
}
gate_is 0 base.json equal.json 'gate: ok'
gate_is 0 base.json faster.json 'gate: ok'
gate_is 1 base.json slower.json 'gate: REGRESSION: 1 worse'
gate_is 0 base.json slower.json 'gate: ok' --threshold=30%
gate_is 0 base.json slower.json 'gate: ok' --cells='ping*'
gate_is 3 few.json few.json 'gate: INCONCLUSIVE: 2 cannot be told'
gate_is 1 base.json failed.json 'was ok, now failed: ops 99 of 100'
gate_is 5 base.json void.json "1 of BASE's cells have no numbers in NEW"
gate_is 5 base.json less.json "1 of BASE's cells have no numbers in NEW"
gate_is 5 base.json allvoid.json 'NEW measured nothing'
gate_is 5 base.json nothing.json 'NEW measured nothing'
gate_is 5 base.json other.json 'no cell has numbers of the same metric in both'
gate_is 0 clean clean 'gate: ok'
gate_is 1 clean found 'gate: REGRESSION'
gate_is 3 clean blind 'inconclusive: windows not entered'
gate_is 5 whole half 'NEW is incomplete'
says err 'half/cells/0001.json: not JSON'
gate_is 5 half whole 'BASE is incomplete'
gate_is 5 whole short 'NEW is incomplete'
says err '1 of 2 cells'

# ---- what cannot be compared: nothing on standard output, one line that says what
refused() { # STATUS WORDS ARGUMENT...
  gauntlet_is "$1" "${@:3}" "$store"
  says err "$2"
  if [ -s "$place/out" ] || [ "$(wc -l <"$place/err")" != 1 ]; then not_ok "one line on standard error: ${*:3}"; fi
}
for verb in compare gate; do
  refused 5 'schema 9 is from a newer gauntlet' "$verb" base.json future.json
  refused 5 'schema 9 is from a newer gauntlet' "$verb" future.json base.json
  refused 4 'cpu: Some CPU against Another CPU' "$verb" base.json machine.json
  refused 4 'preset: release against debug' "$verb" base.json debug.json
  refused 5 'cut.json: not JSON' "$verb" base.json cut.json
  refused 2 'no such file or folder' "$verb" base.json absent.json
  refused 5 'no store there' "$verb" base.json rev:HEAD
  refused 2 'is not a percentage' "$verb" base.json base.json --threshold=time=fast
  refused 2 'no metric named' "$verb" base.json base.json --metric=,
  refused 2 'is no name of a baseline' "$verb" baseline:../x base.json
  refused 5 'no such baseline' "$verb" baseline:x base.json
done
refused 5 'nothing to compare' compare base.json other.json
refused 2 'BASE and NEW' gate base.json
refused 2 '--replace is for --save-baseline' gate base.json base.json --replace
refused 2 'no chance to take' gate base.json base.json --alpha=90%
gauntlet_is 0 compare base.json machine.json "$store" --across-machines
says out 'NOT THE SAME ENVIRONMENT'
gate_is 0 base.json machine.json 'NOT THE SAME ENVIRONMENT' --across-machines

# ---- a store from a newer version, and one cut in half: said, and left as they are
gauntlet_is 0 collect base.json "$store"
for harm in newer half; do
  cp store.sqlite $harm.sqlite
done
"$python" -c "import sqlite3; d = sqlite3.connect('newer.sqlite'); d.execute('PRAGMA user_version = 99'); d.commit()"
truncate -s $(($(stat -c %s half.sqlite) / 2)) half.sqlite
for harm in newer half; do
  sum=$(sha256sum <$harm.sqlite)
  gauntlet_is 5 gate base.json equal.json --store=$harm.sqlite
  gauntlet_is 5 compare latest equal.json --store=$harm.sqlite
  says err "$harm.sqlite"
  if [ "$(sha256sum <$harm.sqlite)" != "$sum" ]; then not_ok "$harm.sqlite was changed"; fi
done

# ---- baselines: never overwritten without being asked, and only by what passes
keep=(--baselines="$place/kept")
gauntlet_is 0 gate base.json "$store" "${keep[@]}" --save-baseline=main
gate_is 0 baseline:main equal.json 'gate: ok' "${keep[@]}"
sum=$(sha256sum <kept/main.json)
gauntlet_is 2 gate baseline:main equal.json "$store" "${keep[@]}" --save-baseline=main
says err '--replace overwrites it'
gauntlet_is 1 gate baseline:main slower.json "$store" "${keep[@]}" --save-baseline=main --replace
gauntlet_is 5 gate half "$store" "${keep[@]}" --save-baseline=halved
gauntlet_is 5 gate nothing.json "$store" "${keep[@]}" --save-baseline=empty
if [ "$(sha256sum <kept/main.json)" != "$sum" ] || [ "$(ls kept)" != main.json ]; then not_ok 'a baseline was touched'; fi
gauntlet_is 0 gate baseline:main equal.json "$store" "${keep[@]}" --save-baseline=main --replace
if [ "$(sha256sum <kept/main.json)" = "$sum" ]; then not_ok 'it is replaced when asked'; fi
gate_is 0 baseline:main equal.json 'gate: ok' "${keep[@]}" --json
"$python" -c "
import json, sys
g = json.load(open('out'))['gate']
assert g == {'status': 0, 'word': 'ok', 'reasons': []}, g" || not_ok 'the JSON of gate'

# ---- noise's own bad inputs
refused 2 'is not a number from 1' noise yield --rounds=many
refused 2 '--out is for bench' noise yield --out=x
refused 2 'nosuch' noise nosuch --rounds=2
exit $failed
