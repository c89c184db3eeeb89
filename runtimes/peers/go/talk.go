// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"syscall"
)

// ---- yield: workloads/yield.c. A goroutine cannot ask who it is, so only its count is checked. ----

func yield(p *params, r *result) {
	const gs, most = 16, 64
	want := p.param
	if want == 0 {
		want = gs
	}
	k := p.teamSize(atMost(want, most), 1, 1)
	each := share(p.n, k)
	done := make([]uint64, k)
	r.clocked(func() {
		team(int(k), func(i int) {
			n := uint64(0)
			for ; n < each; n++ {
				runtime.Gosched()
			}
			done[i] = n + p.lie
		})
	})
	for i, n := range done {
		r.ops += n
		r.check(n == each, "G %d came back %d times, not %d", i, n, each)
	}
}

// ---- pingpong: workloads/pingpong.c ----

const (
	polls = 200
	// One round in so many is looked at for whether it crossed. To ask for the thread is a system
	// call here, so it is fewer than in C, where it costs next to nothing.
	crossSample = 256
)

type message struct{ seq, thread uint64 }

type side struct {
	out, in                 chan message
	n                       uint64
	polls, sampled          bool
	wrong, samples, crossed uint64
}

func thread() uint64 {
	id, _, _ := syscall.RawSyscall(syscall.SYS_GETTID, 0, 0, 0)
	return uint64(id)
}

// pause tries again at once for a while, then lets others run: with one P the other side needs it.
func (s *side) pause(tries *int) {
	if *tries++; *tries < polls {
		return
	}
	*tries = 0
	runtime.Gosched()
}

func (s *side) send(m message) {
	if !s.polls {
		s.out <- m
		return
	}
	tries := polls
	if s.sampled {
		tries = 0
	}
	for {
		select {
		case s.out <- m:
			return
		default:
			s.pause(&tries)
		}
	}
}

func (s *side) recv() message {
	if !s.polls {
		return <-s.in
	}
	tries := polls
	if s.sampled {
		tries = 0
	}
	for {
		select {
		case m := <-s.in:
			return m
		default:
			s.pause(&tries)
		}
	}
}

func (s *side) serve(p *params) {
	for i := uint64(0); i < s.n; i++ {
		m := message{seq: i}
		if s.sampled && i%crossSample == 0 {
			m.thread = thread()
		}
		s.send(m)
		if m = s.recv(); m.seq != ^i+p.lie {
			s.wrong++
		}
	}
}

func (s *side) reply() {
	for i := uint64(0); i < s.n; i++ {
		m := s.recv()
		if m.seq != i {
			s.wrong++
		}
		if s.sampled && i%crossSample == 0 {
			s.samples++
			if m.thread != thread() {
				s.crossed++
			}
		}
		s.send(message{seq: ^i})
	}
}

func pingpong(p *params, r *result) {
	room := 0
	if p.param == 1 {
		room = 1
	}
	there, back := make(chan message, room), make(chan message, room)
	a := side{out: there, in: back, n: p.n, polls: p.param == 1, sampled: p.procs > 1}
	b := a
	b.out, b.in = back, there
	r.clocked(func() {
		team(2, func(i int) {
			if i == 0 {
				a.serve(p)
			} else {
				b.reply()
			}
		})
	})
	wrong := a.wrong + b.wrong
	r.check(wrong == 0, "%d messages out of sequence", wrong)
	r.ops = p.n
	crossed := 0.0
	if b.samples > 0 {
		crossed = float64(b.crossed) / float64(b.samples)
	}
	r.note("crossed", crossed)
}

// ---- fanout: workloads/fanout.c ----

type item struct{ seq, value uint64 }

type consumer struct{ n, sum, disorder uint64 }

func (k *consumer) consume(c <-chan item) {
	last := uint64(0)
	for it := range c {
		if it.seq <= last {
			k.disorder++
		}
		last = it.seq
		k.sum += it.value
		k.n++
	}
}

func fanout(p *params, r *result) {
	const most, capacity = 64, 128
	want := p.param
	if want == 0 {
		want = 8 * uint32(p.procs)
	}
	n := p.teamSize(atMost(want, most), 1, 1)
	ks := make([]consumer, n)
	c := make(chan item, capacity)
	sent := p.lie
	r.clocked(func() {
		all := teamStart(int(n), func(i int) { ks[i].consume(c) })
		for i := uint64(1); i <= p.n; i++ {
			it := item{i, mix(p.seed + i)}
			sent += it.value
			c <- it
		}
		close(c)
		all.Wait()
	})
	var got consumer
	for _, k := range ks {
		got.n += k.n
		got.sum += k.sum
		got.disorder += k.disorder
	}
	r.ops = got.n
	r.check(got.n == p.n, "%d items received, %d sent", got.n, p.n)
	r.check(got.sum == sent, "the sum of what was received is wrong")
	r.check(got.disorder == 0, "%d items overtook an earlier one", got.disorder)
}

// ---- mutex: workloads/mutex.c ----

type locked struct {
	mu         sync.Mutex
	a, b, torn uint64 // b == 3 a outside of a holder's section
}

func (s *locked) step(yields bool) {
	if s.b != 3*s.a {
		s.torn++
	}
	s.a++
	if yields {
		runtime.Gosched() // holding it: others must queue
	}
	s.b += 3
}

func mutex(p *params, r *result) {
	const most, yieldEvery = 64, 64
	want := p.param
	if want == 0 {
		want = 4 * uint32(p.procs)
	}
	k := p.teamSize(atMost(want, most), 1, 1)
	each := share(p.n, k)
	s := locked{b: p.lie}
	r.clocked(func() {
		team(int(k), func(i int) {
			dice := newRng(p.seed, uint64(i))
			for n := uint64(0); n < each; n++ {
				yields := dice.below(yieldEvery) == 0
				s.mu.Lock()
				s.step(yields)
				s.mu.Unlock()
			}
		})
	})
	r.ops = s.a
	all := each * uint64(k)
	r.check(s.torn == 0, "%d times the two fields disagreed under the lock", s.torn)
	r.check(s.a == all && s.b == 3*s.a, "counted %d and %d, not %d", s.a, s.b, all)
}
