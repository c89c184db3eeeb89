// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime/trace"
	"syscall"
)

// The trace goes into chunks outside of Go's heap, where it costs a copy and neither garbage nor
// a larger heap goal; they are used again. Its events are counted when it has ended.
const chunkBytes = 1 << 20

type store struct {
	chunks [][]byte
	n      int // bytes held
}

var held store

// Write takes what the tracer's reader has. It is called by one goroutine at a time.
func (s *store) Write(b []byte) (int, error) {
	for at := 0; at < len(b); {
		if s.n == len(s.chunks)*chunkBytes {
			c, err := syscall.Mmap(-1, 0, chunkBytes, syscall.PROT_READ|syscall.PROT_WRITE,
				syscall.MAP_ANON|syscall.MAP_PRIVATE)
			if err != nil {
				return at, err
			}
			s.chunks = append(s.chunks, c)
		}
		k := copy(s.chunks[s.n/chunkBytes][s.n%chunkBytes:], b[at:])
		at += k
		s.n += k
	}
	return len(b), nil
}

// byteAt makes the chunks one array.
func (s *store) byteAt(i int) byte {
	return s.chunks[i/chunkBytes][i%chunkBytes]
}

type traced struct {
	events, bytes uint64
}

func traceStart() error {
	held.n = 0
	return trace.Start(&held)
}

func traceStop() traced {
	trace.Stop()
	return traced{countEvents(&held), uint64(held.n)}
}

// keepTrace writes the trace that has just ended to a file; "": nobody wants it.
func keepTrace(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for i := 0; i*chunkBytes < held.n && err == nil; i++ {
		c := held.chunks[i]
		if left := held.n - i*chunkBytes; left < len(c) {
			c = c[:left]
		}
		_, err = f.Write(c)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("the trace: %w", err)
	}
	return nil
}

// The events of a trace of the second format (Go 1.22 and later) are those of its batches that
// hold no table. docs/format.md has the layout.
const (
	evEventBatch    = 1
	evStacks        = 2
	evStrings       = 4
	evCPUSamples    = 6
	evFrequency     = 8
	evExperimental  = 49
	evSync          = 50
	evEndGeneration = 52
)

// argsOf is the number of arguments of each timed event; -1: not one.
var argsOf = [...]int8{
	-1, -1, -1, -1, -1, -1, -1, -1, -1, // 0 to 8: structure
	2, 2, 0, 3, 2, 3, 1, 2, 0, 0, 2, 2, 3, 2, 0, 0, 3, // 9 ProcsChange to 25 GoStatus
	2, 0, 1, 2, 1, 1, 1, 2, 1, 1, 0, 1, 1, 1, // 26 STWBegin to 39 GoLabel
	4, 2, 3, 3, 4, 2, 2, 3, 4, // 40 UserTaskBegin to 48 GoStatusStack
}

type cursor struct {
	s       *store
	at, end int
	bad     bool
}

func (c *cursor) byte() byte {
	if c.at >= c.end {
		c.bad = true
		return 0
	}
	c.at++
	return c.s.byteAt(c.at - 1)
}

func (c *cursor) number() uint64 {
	var v uint64
	for shift := uint(0); ; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << (shift & 63)
		if b < 0x80 || c.bad {
			return v
		}
	}
}

const (
	headerBytes = 16
	firstMinor  = 22 // Go 1.22 brought the format
)

// minorOf reads "go 1.N trace" at the begin of a trace; 0: it is not there.
func minorOf(s *store) int {
	minor := 0
	if s.n < headerBytes {
		return 0
	}
	if n, _ := fmt.Sscanf(string(s.chunks[0][:headerBytes]), "go 1.%d trace", &minor); n != 1 {
		return 0
	}
	return minor
}

// countEvents walks over a whole trace. 0: it is of another format, or damaged.
func countEvents(s *store) uint64 {
	if minorOf(s) < firstMinor {
		return 0
	}
	c := cursor{s: s, at: headerBytes, end: s.n}
	var n uint64
	for c.at < s.n && !c.bad {
		switch c.byte() {
		case evEventBatch:
			n += countBatch(&c)
		case evExperimental:
			c.number()
			skipBatch(&c)
		case evEndGeneration:
		default:
			return 0
		}
	}
	if c.bad {
		return 0
	}
	return n
}

// skipBatch goes past a batch and returns where its content begins.
func skipBatch(c *cursor) int {
	c.number() // generation
	c.number() // thread
	c.number() // time
	size := int(c.number())
	at := c.at
	c.at += size
	c.bad = c.bad || c.at > c.end
	return at
}

func countBatch(c *cursor) uint64 {
	in := cursor{s: c.s, at: skipBatch(c), end: c.at}
	if c.bad || in.at == in.end {
		return 0
	}
	switch c.s.byteAt(in.at) {
	case evStacks, evStrings, evCPUSamples, evFrequency, evSync:
		return 0
	}
	var n uint64
	for in.at < in.end && !in.bad {
		k := in.byte()
		if int(k) >= len(argsOf) || argsOf[k] < 0 {
			c.bad = true
			return 0
		}
		for i := int8(-1); i < argsOf[k]; i++ { // the time, then its arguments
			in.number()
		}
		n++
	}
	c.bad = c.bad || in.bad
	return n
}
