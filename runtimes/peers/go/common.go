// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// rng is workloads/common/rng.h: the same seed makes the same choices there and here.
type rng struct{ s uint64 }

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

func newRng(seed, stream uint64) rng {
	return rng{mix(seed+0x9e3779b97f4a7c15) ^ mix(stream*0xd1342543de82ef95+1)}
}

func (r *rng) next() uint64 {
	r.s += 0x9e3779b97f4a7c15
	return mix(r.s)
}

// below gives 0..n-1.
func (r *rng) below(n uint32) uint32 {
	return uint32((r.next() >> 32) * uint64(n) >> 32)
}

// between gives lo..hi, both included.
func (r *rng) between(lo, hi uint32) uint32 {
	return lo + r.below(hi-lo+1)
}

// team runs fn(0) to fn(n-1) on a goroutine each and waits for all.
func team(n int, fn func(i int)) {
	teamStart(n, fn).Wait()
}

func teamStart(n int, fn func(i int)) *sync.WaitGroup {
	wg := new(sync.WaitGroup)
	wg.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			defer wg.Done()
			fn(i)
		}(i)
	}
	return wg
}

// teamSize is `want` goroutines, at least `least`, at most what p.gs leaves beside `others`.
func (p *params) teamSize(want, least, others uint32) uint32 {
	if p.gs != 0 && want+others > p.gs {
		want = 1
		if p.gs > others {
			want = p.gs - others
		}
	}
	if want < least {
		return least
	}
	return want
}

// share is n split over parts, rounded up.
func share(n uint64, parts uint32) uint64 {
	return (n + uint64(parts) - 1) / uint64(parts)
}

func atMost(v, most uint32) uint32 {
	if v > most {
		return most
	}
	return v
}

// clocked runs fn and takes its time as the measured part.
func (r *result) clocked(fn func()) {
	start := time.Now()
	fn()
	r.ns += int64(time.Since(start))
}
