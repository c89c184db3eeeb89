// SPDX-License-Identifier: Apache-2.0

// The peer `go`: the workloads of ../../../workloads in Go, for ../go.c, which starts this program
// and asks it for one cell after the other. Standard library only, and the language of Go 1.19.
//
// It reads one request a line on standard input:
//
//	cell workload=NAME n=N gs=N param=N procs=N seed=N tracing=0|1 [file=PATH]
//
// and answers on standard output, one fact a line, the last line `end`:
//
//	ok 0|1, why TEXT, ops N, ns N, extra NAME VALUE, events N, trace_bytes N, version TEXT
//	unsupported WHY, or: error WHY
//
// file: where a trace goes when it is wanted for more than its price (the last word of the line).
// It ends when its input does. GAUNTLET_GO_LIE=1 makes each workload falsify one value, for the
// test that wants to see each check fail.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
)

// params is what a workload is asked for: struct gt_workload_params.
type params struct {
	n         uint64
	gs, param uint32
	procs     int
	seed      uint64
	lie       uint64 // 1: the workload falsifies one value
}

// result is what it answers: struct gt_workload_result.
type result struct {
	ops    uint64
	ns     int64
	ok     bool
	why    string
	extras []extra
}

type extra struct {
	name  string
	value float64
}

// check fails the result unless cond, and keeps the first reason.
func (r *result) check(cond bool, format string, args ...interface{}) {
	if !cond && r.ok {
		r.ok = false
		r.why = fmt.Sprintf(format, args...)
	}
}

func (r *result) note(name string, value float64) {
	r.extras = append(r.extras, extra{name, value})
}

type workload struct {
	run   func(p *params, r *result)
	warm  uint64 // operations of a warm-up window, at most
	param uint32 // the highest value of the knob; ^0: any
}

const anyParam = ^uint32(0)

var workloads = map[string]workload{
	"spawn-join":    {spawnJoin, 20000, 2},
	"yield":         {yield, 100000, anyParam},
	"pingpong":      {pingpong, 20000, 1},
	"fanout":        {fanout, 50000, anyParam},
	"forkjoin":      {forkjoin, 10000, anyParam},
	"mutex":         {mutex, 50000, anyParam},
	"syscall-storm": {syscallStorm, 20000, anyParam},
	"netpoll-echo":  {netpollEcho, 5000, anyParam},
	"timers":        {timers, 5000, anyParam},
	"procs-churn":   {procsChurn, 5000, anyParam},
	"million":       {million, 10000, anyParam},
	"gc-trees":      {gcTrees, 50000, anyParam},
}

// missing says why a workload has no counterpart here.
var missing = map[string]string{
	"callback": "calls in from foreign threads need cgo, which this program is built without",
	"stacks":   "it parks, shrinks and looks into stacks, which Go keeps to itself",
	"profile":  "it judges our own CPU profile",
	"gc-stop":  "it looks around in a stopped world, which Go gives no program",
}

// request is one cell.
type request struct {
	params
	workload string
	tracing  bool
	file     string
}

func (q *request) set(key, value string) error {
	switch key {
	case "workload":
		q.workload = value
		return nil
	case "file":
		q.file = value
		return nil
	}
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%s=%s is not a number", key, value)
	}
	switch key {
	case "n":
		q.n = v
	case "gs":
		q.gs = uint32(v)
	case "param":
		q.param = uint32(v)
	case "procs":
		q.procs = int(v)
	case "seed":
		q.seed = v
	case "tracing":
		q.tracing = v != 0
	default:
		return fmt.Errorf("%s: unknown", key)
	}
	return nil
}

func parse(line string) (request, error) {
	var q request
	rest := strings.TrimPrefix(line, "cell ")
	if rest == line {
		return q, fmt.Errorf("'%.40s': a request begins with 'cell'", line)
	}
	for rest != "" {
		word := rest
		if at := strings.IndexByte(rest, ' '); at >= 0 && !strings.HasPrefix(rest, "file=") {
			word, rest = rest[:at], rest[at+1:]
		} else {
			rest = ""
		}
		key, value, _ := strings.Cut(word, "=")
		if err := q.set(key, value); err != nil {
			return q, err
		}
	}
	return q, nil
}

// refuse says why this request cannot be served: unsupported, or wrong.
func refuse(q *request) string {
	w, known := workloads[q.workload]
	switch {
	case !known && missing[q.workload] != "":
		return "unsupported " + missing[q.workload]
	case !known:
		return "unsupported the peer has no workload of that name"
	case q.param > w.param:
		return fmt.Sprintf("unsupported param %d: 0 to %d", q.param, w.param)
	case q.n == 0:
		return "error no operations asked for"
	case q.procs != runtime.GOMAXPROCS(0):
		return fmt.Sprintf("error GOMAXPROCS is %d, not %d", runtime.GOMAXPROCS(0), q.procs)
	}
	return ""
}

func serve(out *bufio.Writer, line string, lie uint64) {
	q, err := parse(line)
	q.lie = lie
	text := ""
	if err != nil {
		text = "error " + err.Error()
	} else {
		text = refuse(&q)
	}
	if text != "" {
		fmt.Fprintf(out, "%s\nend\n", text)
		return
	}
	warmUp(&q)
	r, t, err := measure(&q)
	if err != nil {
		fmt.Fprintf(out, "error %s\nend\n", err)
		return
	}
	answer(out, &r, t)
}

func answer(out *bufio.Writer, r *result, t traced) {
	ok := 0
	if r.ok {
		ok = 1
	}
	fmt.Fprintf(out, "ok %d\nops %d\nns %d\n", ok, r.ops, r.ns)
	if r.why != "" {
		fmt.Fprintf(out, "why %s\n", strings.ReplaceAll(r.why, "\n", " "))
	}
	for _, e := range r.extras {
		fmt.Fprintf(out, "extra %s %g\n", e.name, e.value)
	}
	fmt.Fprintf(out, "events %d\ntrace_bytes %d\nversion %s\nend\n", t.events, t.bytes, runtime.Version())
}

func main() {
	// Who started us decides when we end, also when the terminal sends a signal to all.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	debug.SetTraceback("single")
	lie := uint64(0)
	if os.Getenv("GAUNTLET_GO_LIE") == "1" {
		lie = 1
	}
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		serve(out, strings.TrimSuffix(line, "\n"), lie)
		if out.Flush() != nil {
			return
		}
	}
}
