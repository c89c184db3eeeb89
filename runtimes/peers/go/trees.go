// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// ---- gc-trees: workloads/gc_trees.c, its numbers included, on Go's collector ----

const (
	mutatorsDefault, mutatorsMost       = 8, 64
	takers, lettersMost                 = 2, 16
	slotsAll, banksAll, boxRoom         = 256, 8, 16
	ballastLeast, ballastMost, treeMost = 3, 12, 6
	keptAll, burstMost, wordsMost       = 8, 8, 32
	arrayLeast, arrayMost, arraySteps   = 64, 4096, 16
)

type forest struct {
	table     [slotsAll]link
	banks     [banksAll]sync.Mutex // slot i is under banks[i % banksAll]
	box, hand chan link
	letters   sync.WaitGroup
	onTheWay  atomic.Int32
	bad       atomic.Uint32
}

type tally struct{ n, sum uint64 }

func (t *tally) add(l link) {
	t.n++
	t.sum += l.id
}

type mutator struct {
	s             *forest
	m             maker
	dice          rng
	n, lost       uint64
	sent, got     tally
	depth         uint32
	ballast, kept link
}

func (u *mutator) miss(lost bool) {
	if lost {
		u.lost++
	}
}

func (u *mutator) expectTree(l link, depth uint32) {
	u.miss(u.m.count(l) != treeSize(depth))
}

func (u *mutator) shortLived() {
	depth := u.dice.between(1, treeMost)
	l := u.m.tree(depth, u.dice.below(2) != 0)
	if u.dice.below(4) == 0 {
		runtime.Gosched()
	}
	u.expectTree(l, depth)
}

func someWords(dice *rng) uint32 {
	most := uint32(wordsMost)
	switch roll := dice.below(16384); {
	case roll == 0:
		most = 65536
	case roll < 16:
		most = 8192
	case roll < 256:
		most = 512
	}
	return dice.between(0, most)
}

func (u *mutator) keep(l link) {
	slot := &u.kept.p.links()[u.dice.below(keptAll)]
	old := *slot
	*slot = l
	u.m.lookBlob(old)
}

func (u *mutator) garbage() {
	burst := u.dice.between(1, burstMost)
	for i := uint32(0); i < burst; i++ {
		l := u.m.blob(someWords(&u.dice))
		if i == 0 {
			u.keep(l)
		} else {
			u.m.lookBlob(l)
		}
	}
}

func (u *mutator) array() {
	n := u.dice.between(arrayLeast, arrayMost)
	step := n / arraySteps
	a := u.m.array(n)
	t := a.p.table()
	for i := uint32(0); i < n; i += step {
		t[i] = u.m.node(1 << (i / step % 4))
	}
	u.garbage()
	if !u.m.look(a) {
		return
	}
	for i := uint32(0); i < n; i++ {
		u.miss((t[i].p != nil) != (i%step == 0))
		u.m.look(t[i])
	}
}

// walk gives the node that the bits of path lead to, `down` links below the top; nil: it is lost.
func (u *mutator) walk(down uint32, path uint64) *thing {
	l := u.ballast
	for i := uint32(0); l.p != nil && u.m.look(l); i++ {
		if i == down {
			return l.p
		}
		l = l.p.links()[path>>i&1]
	}
	u.lost++
	return nil
}

func (u *mutator) swapBranches() {
	down := u.dice.below(u.depth - 1)
	a := u.walk(down, u.dice.next())
	b := u.walk(down, u.dice.next())
	i, j := u.dice.below(2), u.dice.below(2)
	if a == nil || b == nil {
		return
	}
	left := a.links()[i]
	a.links()[i] = b.links()[j]
	if u.dice.below(8) == 0 {
		runtime.Gosched()
	}
	b.links()[j] = left
}

func (u *mutator) newLeaf() {
	leaf := u.m.node(2)
	a := u.walk(u.depth-2, u.dice.next())
	if a == nil {
		return
	}
	slot := &a.links()[u.dice.below(2)]
	old := *slot
	*slot = leaf
	u.m.look(old)
}

func (u *mutator) parcel() link {
	return u.m.tree(2, true)
}

func (u *mutator) open(l link) {
	u.got.add(l)
	u.expectTree(l, 2)
}

func (u *mutator) passBox() {
	l := u.parcel()
	select {
	case u.s.box <- l:
		u.sent.add(l)
		return
	default:
	}
	select {
	case in := <-u.s.box:
		u.open(in)
	default:
	}
}

func (u *mutator) passHand() {
	l := u.parcel()
	u.s.hand <- l
	u.sent.add(l)
}

func (u *mutator) exchange() {
	i := u.dice.below(slotsAll)
	l := u.parcel()
	bank := &u.s.banks[i%banksAll]
	bank.Lock()
	old := u.s.table[i]
	u.s.table[i] = l
	bank.Unlock()
	u.garbage()
	if old.p != nil {
		u.expectTree(old, 2)
	}
}

type letter struct {
	content link
	sum     uint64
	s       *forest
}

func (t *letter) read() {
	m := newMaker(0)
	runtime.Gosched()
	if t.sum != mix(t.content.id) || m.count(t.content) != treeSize(2) {
		t.s.bad.Add(1)
	}
	t.s.onTheWay.Add(-1)
	t.s.letters.Done()
}

func (u *mutator) sendLetter() {
	if u.s.onTheWay.Add(1) > lettersMost {
		u.s.onTheWay.Add(-1)
		return
	}
	l := u.parcel()
	t := &letter{content: l, sum: mix(l.id), s: u.s}
	u.m.objects++
	u.s.letters.Add(1)
	go t.read()
}

func (u *mutator) holdThroughCall() {
	l := u.parcel()
	if u.dice.below(16) == 0 {
		nap := syscall.NsecToTimespec(50000)
		_ = syscall.Nanosleep(&nap, nil)
	} else {
		syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0)
	}
	u.expectTree(l, 2)
}

func (u *mutator) act() {
	switch roll := u.dice.below(256); {
	case roll < 96:
		u.garbage()
	case roll < 136:
		u.shortLived()
	case roll < 176:
		u.swapBranches()
	case roll < 200:
		u.newLeaf()
	case roll < 216:
		u.exchange()
	case roll < 232:
		u.passBox()
	case roll < 244:
		u.passHand()
	case roll < 250:
		u.sendLetter()
	case roll < 254:
		u.holdThroughCall()
	default:
		u.array()
	}
}

func (u *mutator) goesOn() bool {
	return u.m.wrong == 0 && u.lost == 0
}

func (u *mutator) mutate() {
	middle := uint64(u.dice.below(uint32(u.n)))
	u.kept = u.m.node(keptAll)
	u.ballast = u.m.tree(u.depth, false)
	asked := false
	for u.goesOn() && u.m.objects < u.n {
		u.act()
		if !asked && u.m.objects > middle {
			asked = true
			runtime.GC()
		}
	}
	if !u.goesOn() {
		return
	}
	u.expectTree(u.ballast, u.depth)
	if u.m.look(u.kept) {
		for _, l := range u.kept.p.links() {
			u.m.lookBlob(l)
		}
	}
	u.ballast, u.kept = link{}, link{}
}

func (u *mutator) take() {
	for l := range u.s.hand {
		u.open(l)
	}
}

// clearUp takes what is left in the box and the table.
func (u *mutator) clearUp() {
	for len(u.s.box) > 0 {
		u.open(<-u.s.box)
	}
	for i := range u.s.table {
		if u.s.table[i].p != nil {
			u.expectTree(u.s.table[i], 2)
		}
		u.s.table[i] = link{}
	}
}

func ballastDepth(share uint64) uint32 {
	d := uint32(ballastLeast)
	for d < ballastMost && treeSize(d+1) < share/4 {
		d++
	}
	return d
}

func judgeTrees(s *forest, us []mutator, lie uint64, r *result) {
	var sent, got tally
	lost := lie
	for i := range us {
		u := &us[i]
		r.ops += u.m.objects
		lost += u.lost
		sent.n, sent.sum = sent.n+u.sent.n, sent.sum+u.sent.sum
		got.n, got.sum = got.n+u.got.n, got.sum+u.got.sum
		r.check(u.m.wrong == 0, "%s", u.m.why)
	}
	r.check(lost == 0, "%d objects are not where they were put", lost)
	r.check(s.bad.Load() == 0, "%d letters are not what was written", s.bad.Load())
	r.check(sent == got, "%d parcels sent, %d received, or others than those", sent.n, got.n)
}

// judgeCollector: Go counts at least our objects, and cycles; which pauses were ours it does not
// say, so the longest is that of the last 256.
func judgeCollector(before *runtime.MemStats, r *result) {
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	cycles := after.NumGC - before.NumGC
	longest := uint64(0)
	for i := uint32(0); i < cycles && i < uint32(len(after.PauseNs)); i++ {
		if ns := after.PauseNs[(after.NumGC+255-i)%256]; ns > longest {
			longest = ns
		}
	}
	made := after.Mallocs - before.Mallocs
	r.check(!r.ok || made >= r.ops, "%d objects made, the collector counts %d", r.ops, made)
	r.check(cycles > 0, "a cycle that never was")
	r.note("cycles", float64(cycles))
	r.note("stop_max_ns", float64(longest))
}

func gcTrees(p *params, r *result) {
	want := uint32(mutatorsDefault)
	if p.param != 0 && p.param <= mutatorsMost {
		want = p.param
	}
	n := p.teamSize(want, 1, takers+lettersMost+1)
	s := &forest{box: make(chan link, boxRoom), hand: make(chan link)}
	us := make([]mutator, n+takers+1)
	for i := range us {
		us[i] = mutator{s: s, m: newMaker(i), dice: newRng(p.seed, uint64(i)), n: share(p.n, n)}
		us[i].depth = ballastDepth(us[i].n)
	}
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	r.clocked(func() {
		taking := teamStart(takers, func(i int) { us[int(n)+i].take() })
		team(int(n), func(i int) { us[i].mutate() })
		close(s.hand)
		taking.Wait()
		s.letters.Wait()
	})
	us[n+takers].clearUp()
	judgeTrees(s, us, p.lie, r)
	judgeCollector(&before, r)
}
