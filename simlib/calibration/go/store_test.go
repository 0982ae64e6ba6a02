package main

import (
	"fmt"
	"sync"
	"testing"
)

// Many goroutines at once: no race, and what was counted is alive, deleted or evicted.
func TestManyAtOnce(t *testing.T) {
	const workers, each = 8, 4000
	var evicted int64
	b := newBounded(settings{MaxEntries: 64, TTL: 500, PruneEvery: 16})
	b.evicted = func(_ string, _ bool, gone *entry) { evicted += gone.count }
	for name, s := range map[string]store{"unbounded": &unbounded{}, "bounded": b} {
		var group sync.WaitGroup
		deleted := make([]int64, workers)
		for worker := range workers {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range each {
					// Ids of their own to delete: a delete and an increment of one session may overlap, and the
					// unbounded map then loses the count, as it did in service.
					s.Increment(fmt.Sprintf("own-%d-%d", worker, i%50), int64(i))
					s.Increment(fmt.Sprintf("shared-%d", i%100), int64(i))
					if i%7 == 0 {
						deleted[worker] += s.Delete(fmt.Sprintf("own-%d-%d", worker, i%50))
					}
					if i%500 == 0 {
						s.Snapshot()
					}
				}
			}()
		}
		group.Wait()
		total := int64(0)
		for _, count := range s.Snapshot() {
			total += count
		}
		for _, count := range deleted {
			total += count
		}
		if name == "bounded" {
			total += evicted
			if len(b.entries) > 64 {
				t.Errorf("%d entries, the cap is 64", len(b.entries))
			}
		}
		if want := int64(2 * workers * each); total != want {
			t.Errorf("%s: %d counts, want %d", name, total, want)
		}
	}
}

// The first of the write-up's tests.
func TestBoundedSessionCounterStoreCapsEntries(t *testing.T) {
	s := newBounded(settings{MaxEntries: 2048, TTL: 30 * 60 * 1e9, PruneEvery: 256})
	for i := range 3000 {
		s.Increment(fmt.Sprint(i), int64(i))
		if len(s.entries) > 2048 {
			t.Fatalf("%d entries after increment %d", len(s.entries), i)
		}
	}
}
