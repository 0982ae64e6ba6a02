package main

import (
	"fmt"
	"math/rand"
	"reflect"
	"sync"
	"testing"
)

// Many goroutines at once: no race, and all that was counted is alive, deleted or evicted.
func TestManyAtOnce(t *testing.T) {
	const workers, each = 8, 4000
	for design := range designs {
		evicted := int64(0)
		s, err := newStore(design, settings{MaxEntries: 64, TTL: 500, PruneEvery: 16}, func(_ string, count int64, _ string) {
			evicted += count
		})
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		deleted := make([]int64, workers)
		for worker := range workers {
			group.Add(1)
			go func() {
				defer group.Done()
				for i := range each {
					// Ids of their own to delete: a delete and an increment of one session may overlap, and the
					// unbounded map then loses the count, as it did in service.
					s.Increment(fmt.Sprintf("own-%d-%d", worker, i%50), instant(int64(i)))
					s.Increment(fmt.Sprintf("shared-%d", i%100), instant(int64(i)))
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
		total, alive := evicted, s.Snapshot()
		for _, count := range alive {
			total += count
		}
		for _, count := range deleted {
			total += count
		}
		if want := int64(2 * workers * each); total != want {
			t.Errorf("%s: %d counts, want %d", design, total, want)
		}
		if n, ok := s.(interface{ Len() int }); ok && n.Len() != len(alive) {
			t.Errorf("%s: %d entries, %d in the snapshot", design, n.Len(), len(alive))
		}
		// Those without a cap, and the one that grows beyond it.
		if grows := design == "unbounded" || design == "high_volume" || design == "stale_only"; len(alive) > 64 && !grows {
			t.Errorf("%s: %d entries, the cap is 64", design, len(alive))
		}
	}
}

// A heap decides as a sort does, and a retired total changes no decision: one ledger, the shipped store's own account of
// its prunes included.
func TestThreeDesignsShareOneLedger(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for range 2000 {
		n := 1 + random.Intn(200)
		chosen := settings{random.Intn(12) - 1, int64(random.Intn(40) - 1), int64(1 + random.Intn(9))}
		ids, now := []string{"", missing, "a", "b", "B", "\u00e9", "c", "d", "e", "f", "g", "h", "i", "j"}, int64(0)
		made := stream{ids: ids}
		for range n {
			now += []int64{0, 0, 0, 1, 2, 7}[random.Intn(6)]
			made.time = append(made.time, now)
			made.session = append(made.session, int32(random.Intn(len(ids))))
			made.op = append(made.op, uint8(random.Intn(6)/5))
		}
		of := func(design string) ledger {
			own := made
			own.session = append([]int32(nil), made.session...)
			l, err := account(design, chosen, &own, false)
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		shipped, byHeap, retired := of("bounded"), of("heap"), of("retired_total")
		kept := shipped.Increments - shipped.FinalCountSum
		if retired.RetiredCounts > kept || shipped.Deletes == 0 && retired.RetiredCounts != kept {
			t.Fatalf("%d retired of %d", retired.RetiredCounts, kept)
		}
		retired.RetiredCounts = 0
		if !reflect.DeepEqual(shipped, byHeap) || !reflect.DeepEqual(shipped, retired) {
			t.Fatalf("%+v\nshipped %+v\nheap    %+v\nretired %+v", chosen, shipped, byHeap, retired)
		}
	}
}

// The first of the write-up's tests.
func TestBoundedSessionCounterStoreCapsEntries(t *testing.T) {
	s := newBounded(settings{MaxEntries: 2048, TTL: 30 * 60 * 1e9, PruneEvery: 256}, nil)
	for i := range 3000 {
		s.Increment(fmt.Sprint(i), instant(int64(i)))
		if len(s.entries) > 2048 {
			t.Fatalf("%d entries after increment %d", len(s.entries), i)
		}
	}
}
