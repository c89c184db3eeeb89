// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"syscall"
	"unsafe"
)

// ---- syscall-storm: workloads/syscall_storm.c. Each call goes through Go's scheduler, as ours go
// through ours: syscall.Syscall, not RawSyscall and not syscall.Getpid, which keep it away. ----

type half struct {
	dice                rng
	n, pairSeed         uint64
	fd, pid             int
	writer              bool
	buf                 [1]byte
	done, bytes, wrong  uint64
	napRequest, napRest syscall.Timespec
}

func (h *half) expect(right bool) {
	if !right {
		h.wrong++
	}
}

func (h *half) shortCall() {
	pid, _, _ := syscall.Syscall(syscall.SYS_GETPID, 0, 0, 0)
	h.expect(int(pid) == h.pid)
}

func (h *half) nap() {
	h.napRequest = syscall.NsecToTimespec(1000 * int64(h.dice.between(20, 200)))
	for {
		_, _, e := syscall.Syscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&h.napRequest)),
			uintptr(unsafe.Pointer(&h.napRest)), 0)
		if e != syscall.EINTR {
			h.expect(e == 0)
			return
		}
		h.napRequest = h.napRest
	}
}

// moveByte reads or writes one byte of the pipe, which blocks its thread: the file is not polled.
func (h *half) moveByte(move func(fd int, b []byte) (int, error)) bool {
	for {
		n, err := move(h.fd, h.buf[:])
		if err != syscall.EINTR {
			return n == 1 && err == nil
		}
	}
}

func (h *half) passByte(step uint64) {
	want := byte(mix(h.pairSeed + step))
	h.buf[0] = want
	if h.writer {
		h.expect(h.moveByte(syscall.Write))
	} else {
		h.expect(h.moveByte(syscall.Read) && h.buf[0] == want)
	}
	h.bytes++
}

func (h *half) storm() {
	const pipeEvery, napEvery, twiceEvery = 97, 1024, 8
	for i := uint64(0); i < h.n; i++ {
		if mix(h.pairSeed^i)%pipeEvery == 0 {
			h.passByte(i)
		} else if h.dice.below(napEvery) == 0 {
			h.nap()
		} else {
			h.shortCall()
		}
		if h.dice.below(twiceEvery) == 0 {
			h.shortCall()
		}
		h.done++
	}
}

// openHalves makes a pipe for each pair; what is open is closed by closeHalves also after an error.
func openHalves(p *params, hs []half, each uint64) error {
	for i := 0; i < len(hs); i += 2 {
		var fds [2]int
		if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
			return err
		}
		for at := range fds {
			hs[i+at] = half{
				dice:     newRng(p.seed, uint64(i+at)),
				n:        each,
				pairSeed: mix(p.seed + uint64(i/2)),
				fd:       fds[at],
				pid:      os.Getpid() + int(p.lie),
				writer:   at == 1,
			}
		}
	}
	return nil
}

func closeHalves(hs []half) {
	for i := range hs {
		if hs[i].n > 0 {
			_ = syscall.Close(hs[i].fd)
		}
	}
}

func syscallStorm(p *params, r *result) {
	const pairsMost = 16
	n := p.teamSize(2*pairsMost, 2, 1) &^ 1
	hs := make([]half, n)
	defer closeHalves(hs)
	if err := openHalves(p, hs, share(p.n, n)); err != nil {
		r.check(false, "no pipes: %v", err)
		return
	}
	r.clocked(func() {
		team(int(n), func(i int) { hs[i].storm() })
	})
	wrong := uint64(0)
	for i := range hs {
		r.ops += hs[i].done
		wrong += hs[i].wrong
		r.check(hs[i].done == hs[i].n, "G %d made %d steps of %d", i, hs[i].done, hs[i].n)
		r.check(hs[i].bytes == hs[i^1].bytes, "pair %d: %d and %d bytes", i/2, hs[i].bytes, hs[i^1].bytes)
	}
	r.check(wrong == 0, "%d calls returned what they should not", wrong)
}

// ---- netpoll-echo: workloads/netpoll_echo.c, on files that Go's poller watches ----

const (
	smallMost  = 256
	largeMost  = 8192
	largeEvery = 256
)

type end struct {
	f                    *os.File
	buf                  []byte
	dice                 rng
	n, done, bytes, lost uint64
	lie                  uint64
	err                  error
}

func fill(b []byte, seed uint64) {
	for i := range b {
		b[i] = byte(seed + uint64(i)*167)
	}
}

func differs(b []byte, seed uint64) bool {
	diff := byte(0)
	for i := range b {
		diff |= b[i] ^ byte(seed+uint64(i)*167)
	}
	return diff != 0
}

func (e *end) readAll(b []byte) error {
	for len(b) > 0 {
		n, err := e.f.Read(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (e *end) exchange() error {
	most := uint32(smallMost)
	if e.dice.below(largeEvery) == 0 {
		most = largeMost
	}
	b := e.buf[:e.dice.between(1, most)]
	seed := e.dice.next()
	fill(b, seed)
	if _, err := e.f.Write(b); err != nil {
		return err
	}
	fill(b, ^seed)
	if err := e.readAll(b); err != nil {
		return err
	}
	if differs(b, seed+e.lie) {
		e.lost++
	}
	e.bytes += uint64(len(b))
	return nil
}

func (e *end) client() {
	for ; e.done < e.n && e.err == nil; e.done++ {
		e.err = e.exchange()
	}
	e.f.Close() // the other side reads the end
}

func (e *end) echo() {
	for {
		n, err := e.f.Read(e.buf)
		if n > 0 {
			e.bytes += uint64(n)
			_, err = e.f.Write(e.buf[:n])
		}
		if n == 0 || err != nil {
			if err != nil && err != io.EOF {
				e.err = err
			}
			break
		}
	}
	e.f.Close()
}

func openEnds(p *params, es []end, each uint64) error {
	for i := 0; i < len(es); i += 2 {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		for at, fd := range fds {
			es[i+at] = end{f: os.NewFile(uintptr(fd), "pair"), buf: make([]byte, largeMost), lie: p.lie,
				dice: newRng(p.seed, uint64(i/2))}
		}
		es[i].n = each
	}
	return nil
}

func netpollEcho(p *params, r *result) {
	const pairsDefault, pairsMost = 64, 512
	want := uint32(pairsDefault)
	if p.param != 0 && p.param < pairsMost {
		want = p.param
	}
	pairs := p.teamSize(2*want, 2, 1) / 2
	es := make([]end, 2*pairs)
	if err := openEnds(p, es, share(p.n, pairs)); err != nil {
		for i := range es {
			if es[i].f != nil {
				es[i].f.Close()
			}
		}
		r.check(false, "no socket pairs: %v", err)
		return
	}
	r.clocked(func() {
		team(len(es), func(i int) {
			if i%2 == 0 {
				es[i].client()
			} else {
				es[i].echo()
			}
		})
	})
	judgeEnds(es, r)
}

func judgeEnds(es []end, r *result) {
	wrong := uint64(0)
	for i := 0; i < len(es); i += 2 {
		c, s := &es[i], &es[i+1]
		r.ops += c.done
		wrong += c.lost
		r.check(c.err == nil, "pair %d: the client's file gave %v", i/2, c.err)
		r.check(s.err == nil, "pair %d: the echo's file gave %v", i/2, s.err)
		r.check(c.bytes == s.bytes, "pair %d: %d bytes sent, %d echoed", i/2, c.bytes, s.bytes)
	}
	r.check(wrong == 0, "%d messages came back changed", wrong)
}
