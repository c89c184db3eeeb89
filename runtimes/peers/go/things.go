// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"unsafe"
)

// Collected objects that know who they are: workloads/common/things.h, of the same sizes. Who holds
// one holds its identity beside the pointer, so an object that was freed too early is noticed.
// Objects of Go's heap do not move, so an address can be part of a canary here too.

type link struct {
	p  *thing
	id uint64
}

const (
	kindNode = iota + 1
	kindBlob
	kindArray
)

// thing is the head; n links or n words follow it in the same object.
type thing struct {
	id, canary uint64
	kind, n    uint32
}

type node1 struct {
	thing
	links [1]link
}
type node2 struct {
	thing
	links [2]link
}
type node4 struct {
	thing
	links [4]link
}
type node8 struct {
	thing
	links [8]link
}

const headWords = unsafe.Sizeof(thing{}) / 8

func behind(t *thing) unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(t), unsafe.Sizeof(thing{}))
}

func (t *thing) links() []link {
	return unsafe.Slice((*link)(behind(t)), t.n)
}

func (t *thing) words() []uint64 {
	return unsafe.Slice((*uint64)(behind(t)), t.n)
}

// table is what an array's one link leads to: n bare links.
func (t *thing) table() []link {
	first := (*link)(behind(t))
	return unsafe.Slice((*link)(unsafe.Pointer(first.p)), t.n)
}

type maker struct {
	base, serial, objects, wrong uint64
	why                          string
}

func newMaker(number int) maker {
	return maker{base: uint64(number+1) << 40}
}

func canaryOf(t *thing) uint64 {
	shape := uint64(t.kind)<<32 | uint64(t.n)
	return mix(t.id^mix(uint64(uintptr(unsafe.Pointer(t))))) ^ shape
}

func (m *maker) note(what string, want, got uint64) {
	if m.wrong == 0 {
		m.why = fmt.Sprintf("%s: %#x, not %#x", what, got, want)
	}
	m.wrong++
}

// fresh looks whether a new object is zero, as the C workload does.
func (m *maker) fresh(p unsafe.Pointer, words int) {
	seen := uint64(0)
	for _, w := range unsafe.Slice((*uint64)(p), words) {
		seen |= w
	}
	if seen != 0 {
		m.note("a fresh object is not zero", 0, seen)
	}
}

func (m *maker) born(t *thing, kind, n uint32, words int) link {
	m.fresh(unsafe.Pointer(t), words)
	m.objects++
	t.id = m.base + m.serial
	m.serial++
	t.kind, t.n = kind, n
	t.canary = canaryOf(t)
	return link{t, t.id}
}

func (m *maker) node(links uint32) link {
	var t *thing
	switch links {
	case 1:
		t = &new(node1).thing
	case 2:
		t = &new(node2).thing
	case 4:
		t = &new(node4).thing
	default:
		t = &new(node8).thing
	}
	return m.born(t, kindNode, links, int(headWords)+2*int(links))
}

func (m *maker) blob(words uint32) link {
	all := make([]uint64, int(headWords)+int(words))
	l := m.born((*thing)(unsafe.Pointer(&all[0])), kindBlob, words, len(all))
	w := all[headWords:]
	for i := range w {
		w[i] = mix(l.id + uint64(i))
	}
	return l
}

func (m *maker) array(links uint32) link {
	a := new(node1)
	l := m.born(&a.thing, kindArray, links, int(headWords)+2)
	bare := make([]link, links)
	m.objects++
	m.fresh(unsafe.Pointer(&bare[0]), 2*len(bare))
	a.links[0].p = (*thing)(unsafe.Pointer(&bare[0]))
	return l
}

// look tells whether it is who it must be. An empty link is.
func (m *maker) look(l link) bool {
	switch {
	case l.p == nil:
		return true
	case l.p.id != l.id:
		m.note("another object than was stored", l.id, l.p.id)
		return false
	case l.p.canary != canaryOf(l.p):
		m.note("an object's canary", canaryOf(l.p), l.p.canary)
		return false
	}
	return true
}

func (m *maker) lookBlob(l link) bool {
	if !m.look(l) {
		return false
	}
	if l.p == nil {
		return true
	}
	for i, w := range l.p.words() {
		if w != mix(l.id+uint64(i)) {
			m.note("a word of an object", mix(l.id+uint64(i)), w)
			return false
		}
	}
	return true
}

func (m *maker) grow(t *thing, depth uint32) {
	for i := 0; depth > 1 && i < 2; i++ {
		kid := m.node(2)
		t.links()[i] = kid
		m.grow(kid.p, depth-1)
	}
}

func (m *maker) gatherTree(depth uint32) link {
	var left, right link
	if depth > 1 {
		left, right = m.gatherTree(depth-1), m.gatherTree(depth-1)
	}
	top := m.node(2)
	top.p.links()[0], top.p.links()[1] = left, right
	return top
}

// tree is a full binary tree of 2^depth - 1 nodes.
func (m *maker) tree(depth uint32, bottomUp bool) link {
	if bottomUp {
		return m.gatherTree(depth)
	}
	top := m.node(2)
	m.grow(top.p, depth)
	return top
}

func treeSize(depth uint32) uint64 {
	return 1<<depth - 1
}

// count gives the nodes found right, from l down.
func (m *maker) count(l link) uint64 {
	if l.p == nil || !m.look(l) {
		return 0
	}
	kids := l.p.links()
	return 1 + m.count(kids[0]) + m.count(kids[1])
}
