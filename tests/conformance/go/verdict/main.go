// SPDX-License-Identifier: Apache-2.0

// Command verdict says what Go's own reader (golang.org/x/exp/trace, pinned in go.mod) thinks of traces.
//
// With file names it prints one line of JSON for each. Without, it serves: requests on standard input, one line of
// JSON each on standard output, in the order of the requests. A request is one byte of command, the length of its
// argument (4 bytes, little endian) and the argument:
//
//	v TRACE   the verdict on these bytes
//	V TRACE   the same with the whole error text
//	s NAME    reads the file through memory once and times that
//
// A reader that panics, does not end, or eats memory costs its trace, not the server: "panic" and "hang" are verdicts.
// Only a reader that outgrows the memory limit ends the server (exit status 3), after a line with the verdict "memory".
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"golang.org/x/exp/trace"
)

const (
	timeLimit   = 30 * time.Second
	memoryLimit = 3 << 30 // bytes of heap
	shortText   = 300     // bytes of an error that a short verdict keeps
	maxRequest  = 1 << 30
)

// A verdict is what one trace got.
type verdict struct {
	Verdict string `json:"verdict"` // accepted, rejected, panic, hang, memory
	Error   string `json:"error"`
	Header  bool   `json:"header"` // the header was good
	Events  uint64 `json:"events"` // delivered before the end, Sync events left out
	Syncs   uint64 `json:"syncs"`
	Nanos   int64  `json:"ns"`  // of a timing
	CPU     int64  `json:"cpu"` // the same in processor time, the collector's share included
}

// read drives the reader over a whole trace.
func read(input io.Reader) (v verdict) {
	defer func() {
		if p := recover(); p != nil {
			v.Verdict, v.Error = "panic", fmt.Sprint(p)
		}
	}()
	v.Verdict = "rejected"
	reader, err := trace.NewReader(input)
	if err != nil {
		v.Error = err.Error()
		return v
	}
	v.Header = true
	for {
		event, err := reader.ReadEvent()
		switch {
		case err == nil && event.Kind() == trace.EventSync:
			v.Syncs++
		case err == nil:
			v.Events++
		case err == io.EOF: // exactly: a wrapped one is a torn batch
			v.Verdict = "accepted"
			return v
		default:
			v.Error = err.Error()
			return v
		}
	}
}

// judge is read with a time limit. What hangs is left running: its process is short-lived.
func judge(data []byte, whole bool) verdict {
	done := make(chan verdict, 1)
	go func() { done <- read(bytes.NewReader(data)) }()
	limit := time.NewTimer(timeLimit)
	defer limit.Stop()
	select {
	case v := <-done:
		if !whole {
			v.Error, _, _ = strings.Cut(v.Error, "\n")
			v.Error = v.Error[:min(len(v.Error), shortText)]
		}
		return v
	case <-limit.C:
		return verdict{Verdict: "hang", Error: "no verdict after " + timeLimit.String()}
	}
}

// processorTime is what this process has used, in nanoseconds.
func processorTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// speed reads a file once, from memory, with a collected heap to start from.
func speed(name string) verdict {
	data, err := os.ReadFile(name)
	if err != nil {
		return verdict{Verdict: "rejected", Error: err.Error()}
	}
	runtime.GC()
	start, before := time.Now(), processorTime()
	v := read(bytes.NewReader(data))
	v.Nanos, v.CPU = time.Since(start).Nanoseconds(), processorTime()-before
	return v
}

func answer(command byte, argument []byte) verdict {
	switch command {
	case 'v', 'V':
		return judge(argument, command == 'V')
	case 's':
		return speed(string(argument))
	}
	return verdict{Verdict: "rejected", Error: fmt.Sprintf("no such command: %q", command)}
}

func print(out *bufio.Writer, v verdict) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	return out.Flush()
}

// guard ends the process when the heap outgrows the limit.
func guard() {
	for range time.Tick(100 * time.Millisecond) {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		if stats.HeapAlloc > memoryLimit {
			fmt.Println(`{"verdict":"memory","error":"the reader outgrew its memory limit"}`)
			os.Exit(3)
		}
	}
}

// request reads one command; io.EOF when the client has gone.
func request(in *bufio.Reader) (byte, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.LittleEndian.Uint32(head[1:])
	if length > maxRequest {
		return 0, nil, fmt.Errorf("a request of %d bytes", length)
	}
	argument := make([]byte, length)
	_, err := io.ReadFull(in, argument)
	return head[0], argument, err
}

// serve answers in order, working on as many requests at a time as there are processors. A timing runs alone.
func serve() error {
	debug.SetMemoryLimit(memoryLimit / 2)
	go guard()
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	pending := make(chan chan verdict, runtime.GOMAXPROCS(0))
	finished := make(chan error, 1)
	go func() {
		for next := range pending {
			if err := print(out, <-next); err != nil {
				finished <- err
				return
			}
		}
		finished <- nil
	}()
	for {
		command, argument, err := request(in)
		if err == io.EOF {
			close(pending)
			return <-finished
		}
		if err != nil {
			return err
		}
		next := make(chan verdict, 1)
		if command == 's' {
			next <- answer(command, argument)
		} else {
			go func() { next <- answer(command, argument) }()
		}
		select {
		case pending <- next:
		case err := <-finished:
			return err
		}
	}
}

func files(names []string) error {
	out := bufio.NewWriter(os.Stdout)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := print(out, judge(data, true)); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	var err error
	if len(os.Args) > 1 {
		err = files(os.Args[1:])
	} else {
		err = serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "verdict:", err)
		os.Exit(2)
	}
}
