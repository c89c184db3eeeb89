// SPDX-License-Identifier: Apache-2.0
package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

func init() {
	programs["syscalls"] = syscalls
}

// ring passes one byte through raw pipes, so that every hop blocks a thread in read.
func ring(members int, end time.Time, wait *sync.WaitGroup) error {
	reads, writes := make([]int, members), make([]int, members)
	for i := range members {
		var ends [2]int
		if err := syscall.Pipe(ends[:]); err != nil {
			return err
		}
		reads[i], writes[i] = ends[0], ends[1]
	}
	for i := range members {
		wait.Add(1)
		go func() {
			defer wait.Done()
			in, out := reads[i], writes[(i+1)%members]
			defer syscall.Close(out) // the next member then reads an end
			buffer := make([]byte, 1)
			for {
				n, err := syscall.Read(in, buffer)
				if n != 1 || err != nil || time.Now().After(end) {
					return
				}
				if _, err := syscall.Write(out, buffer); err != nil {
					return
				}
			}
		}()
	}
	_, err := syscall.Write(writes[0], []byte{1})
	return err
}

// short makes system calls that return at once, and a few that hold a P long enough to lose it.
func short(end time.Time, wait *sync.WaitGroup) {
	wait.Add(1)
	go func() {
		defer wait.Done()
		for i := 0; time.Now().Before(end); i++ {
			syscall.Getppid()
			var stat syscall.Stat_t
			_ = syscall.Fstat(0, &stat)
			if i%200 == 0 {
				pause := syscall.Timespec{Nsec: 300_000}
				_ = syscall.Nanosleep(&pause, nil)
			}
		}
	}()
}

// A goroutine that is in a system call from before the trace to its end, and one that returns in the middle.
func sleeper(wait *sync.WaitGroup) (wake func() error, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fd := int(read.Fd()) // makes it block
	wait.Add(1)
	go func() {
		defer wait.Done()
		buffer := make([]byte, 1)
		_, _ = syscall.Read(fd, buffer)
		read.Close()
	}()
	return write.Close, nil
}

func syscalls(record *recorder, length time.Duration) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	wakeMiddle, err := sleeper(&wait)
	if err != nil {
		return err
	}
	wakeAfter, err := sleeper(&wait)
	if err != nil {
		return err
	}
	defer wakeAfter()
	time.Sleep(20 * time.Millisecond)
	return record.during(func() error {
		var inner sync.WaitGroup
		end := time.Now().Add(length)
		for range 2 {
			if err := ring(3, end, &inner); err != nil {
				return err
			}
			short(end, &inner)
		}
		time.Sleep(length / 2)
		if err := wakeMiddle(); err != nil {
			return err
		}
		inner.Wait()
		return nil
	})
}
