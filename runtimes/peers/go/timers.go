// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// ---- timers: workloads/timers.c. A timer's function runs on a goroutine of its own here, so the
// order in which those get their turn says nothing and is not checked. ----

const (
	sleepers   = 1000
	sleepMost  = 500 // us
	shotsMost  = 500
	shotMost   = 1000 // us
	stopTimers = 256
	ticksWant  = 40
	tick       = 250 * time.Microsecond
)

func us(n uint32) time.Duration {
	return time.Duration(n) * time.Microsecond
}

func sleeps(p *params, n uint64, r *result) {
	want := uint32(sleepers)
	if n < sleepers {
		want = uint32(n)
	}
	k := p.teamSize(want, 1, 1)
	each := share(n, k)
	var early atomic.Uint64
	early.Store(p.lie)
	team(int(k), func(i int) {
		dice := newRng(p.seed, uint64(i))
		for n := uint64(0); n < each; n++ {
			d := us(dice.below(sleepMost))
			before := time.Now()
			time.Sleep(d)
			if time.Since(before) < d {
				early.Add(1)
			}
		}
	})
	r.check(early.Load() == 0, "%d sleeps ended early", early.Load())
	r.ops += each * uint64(k)
}

type shot struct {
	t        *time.Timer
	when, at time.Duration // due and fired, since the volley began
	times    uint32
}

// volley starts shots that all fire, and waits for them.
func volley(s []shot, dice *rng) {
	var all sync.WaitGroup
	all.Add(len(s))
	start := time.Now()
	for i := range s {
		s[i].when = us(100 + dice.below(shotMost))
	}
	for i := range s {
		one := &s[i]
		one.t = time.AfterFunc(one.when-time.Since(start), func() {
			one.times++
			one.at = time.Since(start)
			all.Done()
		})
	}
	all.Wait()
}

func volleys(p *params, n uint64, r *result) {
	k := uint64(shotsMost)
	if n < k {
		k = n
	}
	dice := newRng(p.seed, 1<<20)
	for done := uint64(0); done < n; done += k {
		s := make([]shot, k)
		volley(s, &dice)
		for i := range s {
			r.check(!s[i].t.Stop(), "a timer that fired could be stopped")
			r.check(s[i].times == 1, "a one-shot fired %d times", s[i].times)
			r.check(s[i].when <= s[i].at, "a timer fired %v early", s[i].when-s[i].at)
		}
		r.ops += k
	}
}

func stops(p *params, n uint64, r *result) {
	const far = time.Hour
	dice := newRng(p.seed, 1<<21)
	var fired atomic.Uint32
	var t [stopTimers]*time.Timer
	for i := range t {
		t[i] = time.AfterFunc(far, func() { fired.Add(1) })
		t[i].Stop()
	}
	for done := uint64(0); done < n; done += stopTimers {
		for i := range t {
			t[i].Reset(far + time.Duration(dice.below(1<<30)))
		}
		for i := range t {
			j := i * 77 & (stopTimers - 1) // not in the order of starting
			r.check(t[j].Stop(), "a timer an hour off had fired")
			r.check(!t[j].Stop(), "a stopped timer was stopped twice")
		}
		r.ops += stopTimers
	}
	r.check(fired.Load() == 0, "%d stopped timers fired", fired.Load())
}

func periodic(r *result) {
	t := time.NewTicker(tick)
	start := time.Now()
	for i := 0; i < ticksWant; i++ {
		<-t.C
	}
	r.check(time.Since(start) >= (ticksWant-1)*tick, "%d ticks came too soon", ticksWant)
	t.Stop()
	select { // one that was made while we stopped it
	case <-t.C:
	default:
	}
	time.Sleep(3 * tick)
	select {
	case <-t.C:
		r.check(false, "a stopped timer ticks on")
	default:
	}
	r.ops += ticksWant
}

func timers(p *params, r *result) {
	r.clocked(func() {
		sleeps(p, p.n/2+1, r)
		volleys(p, p.n/4+1, r)
		stops(p, p.n/4+1, r)
		periodic(r)
	})
}
