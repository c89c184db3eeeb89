// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ---- procs-churn: workloads/procs_churn.c. A change of GOMAXPROCS stops the world, as ours does. ----

type churned struct {
	mu      sync.Mutex
	counter uint64 // under mu
	over    atomic.Bool
}

type worker struct {
	s                      *churned
	dice                   rng
	c                      chan uint64
	n, done, locked, wrong uint64
}

func (w *worker) errand(in uint64) {
	var done sync.WaitGroup
	var out uint64
	done.Add(1)
	go func() {
		runtime.Gosched()
		out = ^in
		done.Done()
	}()
	done.Wait()
	if out != ^in {
		w.wrong++
	}
}

func (w *worker) step() {
	switch w.dice.below(4) {
	case 0:
		w.errand(w.done)
	case 1:
		in := w.dice.next()
		w.c <- in
		if <-w.c != in {
			w.wrong++
		}
	case 2:
		w.s.mu.Lock()
		w.s.counter++
		w.s.mu.Unlock()
		w.locked++
	default:
		runtime.Gosched()
	}
}

func (w *worker) work() {
	for w.done < w.n || !w.s.over.Load() {
		w.step()
		w.done++
	}
}

// churn sets the number of Ps `changes` times and puts it back.
func churn(p *params, changes uint64, r *result) {
	const pauseMost = 100
	dice := newRng(p.seed, 1<<20)
	most := p.param
	if most == 0 {
		most = 4 * uint32(runtime.NumCPU())
	}
	for i := uint64(0); i < changes; i++ {
		n := int(dice.between(1, most))
		runtime.GOMAXPROCS(n)
		r.check(runtime.GOMAXPROCS(0) == n, "set %d Ps, there are %d", n, runtime.GOMAXPROCS(0))
		if dice.below(2) != 0 {
			time.Sleep(time.Duration(dice.below(pauseMost)) * time.Microsecond)
		} else {
			runtime.Gosched()
		}
	}
	r.note("changes", float64(changes))
	runtime.GOMAXPROCS(p.procs)
}

func procsChurn(p *params, r *result) {
	const workers, opsPerChange, changesLeast = 16, 250, 20
	s := churned{counter: p.lie}
	k := p.teamSize(2*workers, 2, 1) / 2 // each may have a child
	ws := make([]worker, k)
	for i := range ws {
		ws[i] = worker{s: &s, dice: newRng(p.seed, uint64(i)), c: make(chan uint64, 1), n: share(p.n, k)}
	}
	changes := p.n / opsPerChange
	if changes < changesLeast {
		changes = changesLeast
	}
	r.clocked(func() {
		all := teamStart(int(k), func(i int) { ws[i].work() })
		churn(p, changes, r)
		s.over.Store(true)
		all.Wait()
	})
	locked, wrong := uint64(0), uint64(0)
	for i := range ws {
		r.ops += ws[i].done
		locked += ws[i].locked
		wrong += ws[i].wrong
	}
	r.check(wrong == 0, "%d errands or messages came out wrong", wrong)
	r.check(locked == s.counter, "counted %d under the lock, did %d times", s.counter, locked)
}

// ---- million: workloads/million.c. A permit is a channel with room for one, made before. ----

type sitter struct {
	permit chan struct{}
	times  uint64
}

type crowd struct {
	arrived, left atomic.Int64
	parked, gone  chan struct{}
	n             int64
}

func (c *crowd) sit(s *sitter) {
	if c.arrived.Add(1) == c.n {
		close(c.parked)
	}
	<-s.permit
	s.times++
	if c.left.Add(1) == c.n {
		close(c.gone)
	}
}

// rss and page tables of this process in bytes; zero where the system does not say.
func memory() (rss, tables float64) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		var kib float64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %f", &kib); n == 1 {
			rss = kib * 1024
		}
		if n, _ := fmt.Sscanf(string(line), "VmPTE: %f", &kib); n == 1 {
			tables = kib * 1024
		}
	}
	return rss, tables
}

func gather(p *params, s []sitter, r *result) [3]float64 {
	c := crowd{n: int64(len(s)), parked: make(chan struct{}), gone: make(chan struct{})}
	for i := range s {
		s[i] = sitter{permit: make(chan struct{}, 1)}
	}
	rss, tables := memory()
	start := time.Now()
	for i := range s {
		go c.sit(&s[i])
	}
	<-c.parked
	took := time.Since(start)
	rssAfter, tablesAfter := memory()
	resumed := time.Now()
	for i := range s {
		s[i].permit <- struct{}{}
	}
	<-c.gone
	r.ns += int64(took + time.Since(resumed))
	wrong := 0
	for i := range s {
		if s[i].times != 1+p.lie {
			wrong++
		}
	}
	r.check(wrong == 0, "%d of %d Gs did not come back once", wrong, len(s))
	n := float64(len(s))
	return [3]float64{(rssAfter - rss) / n, (tablesAfter - tables) / n, float64(took) / n}
}

func million(p *params, r *result) {
	want := p.n
	if want > 1<<30 {
		want = 1 << 30
	}
	s := make([]sitter, p.teamSize(uint32(want), 1, 1))
	var cost [3]float64
	for r.ops < p.n && r.ok {
		for i, v := range gather(p, s, r) {
			if v > cost[i] {
				cost[i] = v
			}
		}
		r.ops += uint64(len(s))
	}
	for i, name := range []string{"rss_bytes_per_g", "page_table_bytes_per_g", "park_ns_per_g"} {
		r.note(name, cost[i])
	}
}
