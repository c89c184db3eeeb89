// SPDX-License-Identifier: Apache-2.0
package main

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

func init() {
	programs["gc"] = collect
}

type node struct {
	children [4]*node
	payload  [96]byte
}

func grow(depth int) *node {
	n := &node{}
	if depth > 0 {
		for i := range n.children {
			n.children[i] = grow(depth - 1)
		}
	}
	return n
}

// collect lets the collector work all the time, with assists, sweeping and stops.
func collect(record *recorder, length time.Duration) error {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	ballast := grow(7)
	var wait sync.WaitGroup
	defer wait.Wait()
	end := time.Now().Add(length * 3 / 2) // the collector is at work when the trace starts and when it ends
	for range runtime.GOMAXPROCS(0) * 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(end) {
				tree := grow(4)
				buffer := make([]byte, 8192)
				runtime.KeepAlive(tree)
				runtime.KeepAlive(buffer)
			}
		}()
	}
	time.Sleep(5 * time.Millisecond)
	err := record.during(func() error {
		time.Sleep(length)
		return nil
	})
	runtime.KeepAlive(ballast)
	return err
}
