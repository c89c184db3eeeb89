// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"iter"
	"runtime"
	"runtime/trace"
	"sync"
	"syscall"
	"time"
)

func init() {
	programs["procs"] = procs
	programs["startstop"] = startStop
	programs["annotate"] = annotate
	programs["wide"] = wide
}

// babble keeps goroutines on channels, mutexes, timers and Gosched busy until stop closes.
func babble(goroutines int, stop <-chan struct{}) *sync.WaitGroup {
	var wait sync.WaitGroup
	var lock sync.Mutex
	balls := make(chan int)
	for i := range goroutines {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for turn := i; ; turn++ {
				select {
				case <-stop:
					return
				case balls <- turn:
				case <-balls:
				case <-time.After(time.Duration(turn%5) * 100 * time.Microsecond):
				}
				lock.Lock()
				runtime.Gosched()
				lock.Unlock()
			}
		}()
	}
	return &wait
}

// procs changes GOMAXPROCS up and down while the collector runs.
func procs(record *recorder, length time.Duration) error {
	old := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(old)
	stop := make(chan struct{})
	wait := babble(6, stop)
	wait.Add(1)
	go func() {
		defer wait.Done()
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GC()
			}
		}
	}()
	defer wait.Wait()
	defer close(stop)
	return record.during(func() error {
		for end := time.Now().Add(length); time.Now().Before(end); {
			for _, n := range []int{1, 2, 4, 8, 16, 16, 8, 4, 2, 1} {
				runtime.GOMAXPROCS(n)
				time.Sleep(time.Millisecond)
			}
		}
		return nil
	})
}

// startStop records many short traces of one process: generations and states carry on between them.
func startStop(record *recorder, length time.Duration) error {
	record.many = true
	stop := make(chan struct{})
	wait := babble(4, stop)
	defer wait.Wait()
	defer close(stop)
	for i := range 10 {
		runtime.GOMAXPROCS(1 + i%4)
		err := record.during(func() error {
			if i%3 == 0 {
				runtime.GC()
			}
			time.Sleep(length / 20)
			return nil
		})
		if err != nil {
			return err
		}
		time.Sleep(length / 50)
	}
	return nil
}

func numbers(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

// annotate nests tasks, regions and logs, and switches between coroutines.
func annotate(record *recorder, length time.Duration) error {
	background := context.Background()
	return record.during(func() error {
		var wait sync.WaitGroup
		end := time.Now().Add(length)
		for range 4 {
			wait.Add(1)
			go func() {
				defer wait.Done()
				for time.Now().Before(end) {
					ctx, task := trace.NewTask(background, "outer")
					region := trace.StartRegion(ctx, "pull")
					next, done := iter.Pull(iter.Seq[int](numbers))
					for range 20 {
						n, _ := next()
						trace.Logf(ctx, "number", "%d", n)
					}
					done()
					region.End()
					inner, child := trace.NewTask(ctx, "inner")
					trace.WithRegion(inner, "sleep", func() { time.Sleep(time.Millisecond) })
					child.End()
					task.End()
				}
			}()
		}
		wait.Wait()
		return nil
	})
}

// wide keeps 64 Ps and more than 64 threads at work: the trace for measuring speed with many threads.
func wide(record *recorder, length time.Duration) error {
	return spread(record, length, 64)
}

func init() {
	programs["narrow"] = func(record *recorder, length time.Duration) error { return spread(record, length, 4) }
}

// spread runs locked threads, short system calls and channel work on n Ps.
func spread(record *recorder, length time.Duration, n int) error {
	record.unpaced = true
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	return record.during(func() error {
		var wait sync.WaitGroup
		end := time.Now().Add(length)
		for range n {
			ping, pong := make(chan int), make(chan int)
			wait.Add(2)
			go func() {
				defer wait.Done()
				defer close(ping)
				for i := 0; time.Now().Before(end); i++ {
					ping <- i
					<-pong
					syscall.Getppid()
					if i%64 == 0 {
						pause := syscall.Timespec{Nsec: 50_000}
						_ = syscall.Nanosleep(&pause, nil)
					}
				}
			}()
			go func() {
				defer wait.Done()
				for i := range ping {
					runtime.Gosched()
					pong <- i
				}
			}()
		}
		wait.Wait()
		return nil
	})
}
