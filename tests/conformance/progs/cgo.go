// SPDX-License-Identifier: Apache-2.0
package main

/*
#include <pthread.h>

extern void conformance_callback(int depth);

static void *conformance_thread(void *depth)
{
    for (int i = 0; i < 3; i++)
        conformance_callback((int)(long)depth);
    return 0;
}

static int conformance_threads(int count)
{
    pthread_t threads[8];
    int made = 0;
    while (made < count && made < 8 && !pthread_create(&threads[made], 0, conformance_thread, (void *)(long)(made % 3)))
        made++;
    for (int i = 0; i < made; i++)
        pthread_join(threads[i], 0);
    return made;
}

static void conformance_again(int depth)
{
    conformance_callback(depth);
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

func init() {
	programs["cgo"] = callbacks
}

var called atomic.Int64

//export conformance_callback
func conformance_callback(depth C.int) {
	called.Add(1)
	if depth > 0 {
		C.conformance_again(depth - 1) // out to C and back in, on the same thread
	}
	runtime.Gosched()
}

// callbacks lets C threads come and go; thread ids come back.
func callbacks(record *recorder, length time.Duration) error {
	err := record.during(func() error {
		for end := time.Now().Add(length); time.Now().Before(end); {
			if made := C.conformance_threads(4); made != 4 {
				return fmt.Errorf("only %d threads", int(made))
			}
			runtime.GC()
		}
		runtime.GC() // takes back the Ps that were left behind
		return nil
	})
	if called.Load() == 0 {
		return fmt.Errorf("no callback")
	}
	return err
}
