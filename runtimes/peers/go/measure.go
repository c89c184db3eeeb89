// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"time"
)

// Go's first rounds of anything are slow: stacks grow, free lists of goroutines and timers fill,
// the heap finds its size. So the first request of a kind is preceded by unmeasured windows, until
// two in a row agree or the time for it is over.
const (
	warmAgree   = 0.05
	warmWindows = 20
	warmMost    = 400 * time.Millisecond
)

// kind is what is warmed up once.
type kind struct {
	workload  string
	gs, param uint32
	tracing   bool
}

var warmed = map[kind]bool{}

func warmUp(q *request) {
	k := kind{q.workload, q.gs, q.param, q.tracing}
	if warmed[k] {
		return
	}
	warmed[k] = true
	w := *q
	w.file = ""
	if most := workloads[q.workload].warm; w.n > most {
		w.n = most
	}
	over := time.Now().Add(warmMost)
	last := 0.0
	for i := 0; i < warmWindows && time.Now().Before(over); i++ {
		r, _, err := measure(&w)
		if err != nil || !r.ok || r.ops == 0 {
			return // the measured run says what is wrong
		}
		each := float64(r.ns) / float64(r.ops)
		if near(each, last) {
			return
		}
		last = each
	}
}

func near(a, b float64) bool {
	d := a - b
	if d < 0 {
		d = -d
	}
	return d <= warmAgree*b
}

// measure runs one cell, every one from a heap that holds no garbage of the last. The time is
// taken by the workload round its own measured part, so a trace is started and stopped outside.
func measure(q *request) (result, traced, error) {
	r := result{ok: true}
	runtime.GC()
	var t traced
	if q.tracing {
		if err := traceStart(); err != nil {
			return r, t, err
		}
	}
	workloads[q.workload].run(&q.params, &r)
	if q.tracing {
		return r, traceStop(), keepTrace(q.file)
	}
	return r, t, nil
}
