// SPDX-License-Identifier: Apache-2.0

// Command progs runs one small program under Go's tracer: `progs NAME OUT [MILLISECONDS]` writes OUT (or OUT.0, OUT.1, ...
// when the program records several traces). Without arguments it lists the names.
package main

import (
	"fmt"
	"os"
	"runtime/trace"
	"slices"
	"strconv"
	"time"
)

// A program runs for about the given time with the tracer on.
type program func(record *recorder, length time.Duration) error

var programs = map[string]program{}

// paced slows the tracer's reader down after the first megabytes: with continuous generations it would otherwise write
// hundreds of them. The next generation waits for the reader; the program does not.
type paced struct {
	file *os.File
	left int
}

func (p *paced) Write(data []byte) (int, error) {
	if p.left -= len(data); p.left < 0 {
		time.Sleep(20 * time.Millisecond)
	}
	return p.file.Write(data)
}

const freeBytes = 2 << 20

// A recorder starts and stops traces, each in a file of its own.
type recorder struct {
	path    string
	many    bool // several traces, numbered
	unpaced bool // as fast as it comes
	next    int
	file    *os.File
}

func (r *recorder) start() (err error) {
	name := r.path
	if r.many {
		name = fmt.Sprintf("%s.%d", r.path, r.next)
		r.next++
	}
	if r.file, err = os.Create(name); err != nil {
		return err
	}
	if r.unpaced {
		return trace.Start(r.file)
	}
	return trace.Start(&paced{r.file, freeBytes})
}

func (r *recorder) stop() error {
	trace.Stop()
	return r.file.Close()
}

// during records one trace of body.
func (r *recorder) during(body func() error) error {
	if err := r.start(); err != nil {
		return err
	}
	bodyErr := body()
	if err := r.stop(); err != nil {
		return err
	}
	return bodyErr
}

func main() {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(os.Args) < 3 {
		for _, name := range names {
			fmt.Println(name)
		}
		return
	}
	length := 200 * time.Millisecond
	if len(os.Args) > 3 {
		n, err := strconv.Atoi(os.Args[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, "progs:", err)
			os.Exit(2)
		}
		length = time.Duration(n) * time.Millisecond
	}
	run, ok := programs[os.Args[1]]
	if !ok {
		fmt.Fprintln(os.Stderr, "progs: no program", os.Args[1], "in", names)
		os.Exit(2)
	}
	if err := run(&recorder{path: os.Args[2]}, length); err != nil {
		fmt.Fprintln(os.Stderr, "progs:", os.Args[1]+":", err)
		os.Exit(1)
	}
}
