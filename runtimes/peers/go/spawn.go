// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// ---- spawn-join: workloads/spawn_join.c. A join is a WaitGroup: Go has no cheaper one. ----

const batchSize = 1000

type child struct {
	in, out uint64
	done    *sync.WaitGroup
}

func (c *child) live() {
	c.out = ^c.in
	c.done.Done()
}

func spawnJoin(p *params, r *result) {
	one, many := p.n/2, p.n-p.n/2
	if p.param == 1 {
		one, many = p.n, 0
	} else if p.param == 2 {
		one, many = 0, p.n
	}
	r.clocked(func() {
		oneByOne(p, one, r)
		byThousand(p, many, r)
	})
}

func oneByOne(p *params, n uint64, r *result) {
	var wg sync.WaitGroup
	c := &child{done: &wg}
	for i := uint64(0); i < n; i++ {
		c.in, c.out = p.seed+i, 0
		wg.Add(1)
		go c.live()
		wg.Wait()
		if c.out != ^(p.seed+i)+p.lie {
			r.check(false, "child %d: its result is not seen", i)
		}
	}
	r.ops += n
}

func byThousand(p *params, n uint64, r *result) {
	k := uint64(p.teamSize(batchSize, 1, 1))
	c := make([]child, k)
	var wg sync.WaitGroup
	for done := uint64(0); done < n; done += k {
		for i := range c {
			c[i] = child{in: p.seed + done + uint64(i), done: &wg}
		}
		wg.Add(int(k))
		for i := range c {
			go c[i].live()
		}
		wg.Wait()
		checkBatch(p, c, r)
		r.ops += k
	}
}

func checkBatch(p *params, c []child, r *result) {
	wrong := 0
	for i := range c {
		if c[i].out != ^c[i].in+p.lie {
			wrong++
		}
	}
	r.check(wrong == 0, "%d of %d children left no result", wrong, len(c))
}

// ---- forkjoin: workloads/forkjoin.c ----

const (
	forkDefault = 18
	forkMax     = 40
	forkCutoff  = 2
)

type node struct {
	done         sync.WaitGroup
	value, tasks uint64
}

func (n *node) first(k uint32) {
	n.branch(k)
	n.done.Done()
}

// branch leaves fib(k) in value and the goroutines spawned below in tasks.
func (n *node) branch(k uint32) {
	if k < forkCutoff {
		n.value = uint64(k)
		return
	}
	var a, b node
	a.done.Add(1)
	go a.first(k - 1)
	b.branch(k - 2)
	a.done.Wait()
	n.value = a.value + b.value
	n.tasks = a.tasks + b.tasks + 1
}

func fib(k uint32) uint64 {
	a, b := uint64(0), uint64(1)
	for ; k > 0; k-- {
		a, b = b, a+b
	}
	return a
}

// forkDepth is choose_k: every goroutine of a tree may be alive at once.
func forkDepth(p *params) uint32 {
	k := uint32(forkDefault)
	if p.param != 0 {
		k = p.param
	}
	k = atMost(k, forkMax)
	for k > forkCutoff && ((p.gs != 0 && fib(k+1) > uint64(p.gs)) || (p.param == 0 && fib(k) > p.n)) {
		k--
	}
	return k
}

func forkjoin(p *params, r *result) {
	k := forkDepth(p)
	r.clocked(func() {
		for r.ops < p.n {
			var root node
			root.branch(k)
			r.ops += root.tasks
			root.value += p.lie
			r.check(root.value == fib(k), "fib(%d) came out as %d, not %d", k, root.value, fib(k))
			r.check(root.tasks == fib(k+1)-1, "a tree of %d Gs, not %d", root.tasks, fib(k+1)-1)
		}
	})
}
