// SPDX-License-Identifier: Apache-2.0

// The same measurement as gc_figures.c, by Go's collector, as JSON:
//
//	go run gc_figures.go PARKED HEAP_MIB [CYCLES] [SECONDS]
//
// Go keeps pauses as histograms: a figure is the range of its bucket, [from, to] in ns.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	procs, busy = 2, 2
	treeDepth   = 8
	blobBytes   = 1024
	unitBytes   = 2 * 64 * 255
	leastCycles = 10
	yieldEvery  = 128
)

type node struct {
	kid [2]*node
	pad [5]uint64
}

type unit struct {
	tree  *node
	blobs []*[blobBytes]byte
}

func tree(depth int) *node {
	n := &node{}
	if depth > 1 {
		n.kid[0], n.kid[1] = tree(depth-1), tree(depth-1)
	}
	return n
}

func build(bytes int) []*unit {
	all := make([]*unit, bytes/unitBytes+1)
	for i := range all {
		u := &unit{tree: tree(treeDepth), blobs: make([]*[blobBytes]byte, 255*64/blobBytes)}
		for k := range u.blobs {
			u.blobs[k] = new([blobBytes]byte)
		}
		all[i] = u
	}
	return all
}

//go:noinline
func some(x uint64) uint64 {
	for i := 0; i < 256; i++ {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

var over atomic.Bool
var sink atomic.Uint64

func work(arrived *sync.WaitGroup) {
	arrived.Done()
	x := uint64(1)
	for i := 1; !over.Load(); i++ {
		x = some(x)
		if i%yieldEvery == 0 {
			runtime.Gosched() // else who collects waits for its turn most of the time
		}
	}
	sink.Store(x)
}

const (
	stopping = "/sched/pauses/stopping/gc:seconds"
	stopped  = "/sched/pauses/total/gc:seconds"
)

func read() map[string]*metrics.Float64Histogram {
	s := []metrics.Sample{{Name: stopping}, {Name: stopped}}
	metrics.Read(s)
	out := map[string]*metrics.Float64Histogram{}
	for _, one := range s {
		if one.Value.Kind() != metrics.KindFloat64Histogram {
			fmt.Fprintln(os.Stderr, "gc_figures.go: this Go does not tell its pauses; 1.22 does")
			os.Exit(4)
		}
		h := one.Value.Float64Histogram()
		out[one.Name] = &metrics.Float64Histogram{Counts: append([]uint64(nil), h.Counts...), Buckets: h.Buckets}
	}
	return out
}

func finite(seconds float64) float64 {
	if math.IsInf(seconds, 0) {
		return 0
	}
	return math.Round(seconds * 1e9)
}

// The bucket in which the q-th quantile of what came between lies.
func quantile(before, after *metrics.Float64Histogram, q float64) [2]float64 {
	var n, seen uint64
	for i := range after.Counts {
		n += after.Counts[i] - before.Counts[i]
	}
	want := uint64(math.Ceil(q * float64(n)))
	for i := range after.Counts {
		seen += after.Counts[i] - before.Counts[i]
		if seen >= want && seen > 0 {
			return [2]float64{finite(after.Buckets[i]), finite(after.Buckets[i+1])}
		}
	}
	return [2]float64{}
}

func figures(before, after *metrics.Float64Histogram) map[string]any {
	var n uint64
	for i := range after.Counts {
		n += after.Counts[i] - before.Counts[i]
	}
	return map[string]any{"n": n, "p50": quantile(before, after, 0.5), "p99": quantile(before, after, 0.99),
		"max": quantile(before, after, 1)}
}

func argument(i, otherwise int) int {
	if len(os.Args) <= i {
		return otherwise
	}
	v, err := strconv.Atoi(os.Args[i])
	if err != nil || v < 0 {
		fmt.Fprintln(os.Stderr, "usage: gc_figures.go PARKED HEAP_MIB [CYCLES] [SECONDS]")
		os.Exit(2)
	}
	return v
}

func main() {
	parked, heap, cycles, seconds := argument(1, 10000), argument(2, 16), argument(3, 100), argument(4, 0)
	runtime.GOMAXPROCS(procs)
	all := build(heap << 20)
	quit := make(chan struct{})
	var arrived sync.WaitGroup
	arrived.Add(parked + busy)
	for i := 0; i < parked; i++ {
		go func() { arrived.Done(); <-quit }()
	}
	for i := 0; i < busy; i++ {
		go work(&arrived)
	}
	arrived.Wait()
	runtime.GC()
	before := read()
	var whole []int64
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for len(whole) < cycles && (seconds == 0 || len(whole) < leastCycles || time.Now().Before(end)) {
		start := time.Now()
		runtime.GC()
		whole = append(whole, time.Since(start).Nanoseconds())
	}
	after := read()
	over.Store(true)
	close(quit)
	runtime.KeepAlive(all)
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	_ = out.Encode(map[string]any{"runtime": runtime.Version(), "parked": parked, "heap": heap << 20, "procs": procs,
		"busy": busy, "stopping": figures(before[stopping], after[stopping]),
		"stopped": figures(before[stopped], after[stopped]), "whole": whole})
}
