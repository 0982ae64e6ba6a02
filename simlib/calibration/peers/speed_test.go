package peers

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	goroutines = flag.Int("goroutines", 1, "the number of goroutines that share the sessions of the stream")
	rounds     = flag.Int("rounds", 3, "the number of times that the stream is measured")
)

// speed holds wall times, the least of the rounds, as others who use the machine only add to them. MeanNs is the elapsed
// time by increments, whatever the number of goroutines; the others are of single calls, without the clock's own time.
type speed struct {
	MeanNs       float64 `json:"mean_ns"`
	P50Ns        float64 `json:"p50_ns"`
	P99Ns        float64 `json:"p99_ns"`
	WorstNs      float64 `json:"worst_ns"`
	GarbageBytes float64 `json:"garbage_bytes"` // Allocated by an increment of an id that exists already as a string.
	HeapBytes    float64 `json:"heap_bytes"`    // Live heap by entries, each with an id of its own.
}

func addOne(old int64, _ bool) int64 { return old + 1 }

// sharedOut gives each goroutine the ids of its increments, in order: all of a session's go to one.
func (s *stream) sharedOut(parts int) [][]string {
	ids := make([][]string, parts)
	for row, session := range s.session {
		if s.op[row] == 0 {
			ids[int(session)%parts] = append(ids[int(session)%parts], s.Ids[session])
		}
	}
	return ids
}

// together calls work for each part on a goroutine of its own, and gives the ns until the last has ended.
func together(parts int, work func(part int)) float64 {
	var done sync.WaitGroup
	begin := time.Now()
	for part := range parts {
		done.Go(func() { work(part) })
	}
	done.Wait()
	return float64(time.Since(begin))
}

// measured gives the speed of one round: once through the stream without a look at the clock, once with one a call.
func measured(open func() Cache[int64], ids [][]string) speed {
	cache, increments := open(), 0
	for _, part := range ids {
		increments += len(part)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	elapsed := together(len(ids), func(part int) {
		for _, id := range ids[part] {
			cache.Update(id, addOne)
		}
	})
	runtime.ReadMemStats(&after)
	cache.Stop()
	cache = open()
	runtime.GC()
	took := make([][]float64, len(ids))
	for part := range took {
		took[part] = make([]float64, len(ids[part]))
	}
	together(len(ids), func(part int) {
		for i, id := range ids[part] {
			begin := time.Now()
			cache.Update(id, addOne)
			took[part][i] = float64(time.Since(begin))
		}
	})
	cache.Stop()
	all := slices.Concat(took...)
	slices.Sort(all)
	clock := clockNs()
	at := func(share float64) float64 { return max(all[int(share*float64(len(all)-1))]-clock, 0) }
	return speed{
		MeanNs: elapsed / float64(increments), P50Ns: at(0.5), P99Ns: at(0.99), WorstNs: at(1),
		GarbageBytes: float64(after.TotalAlloc-before.TotalAlloc) / float64(increments),
	}
}

// clockNs gives the median ns between two readings of the clock.
func clockNs() float64 {
	took := make([]float64, 1001)
	for i := range took {
		begin := time.Now()
		took[i] = float64(time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// heapBytes gives the live heap of caches that four times their cap in new ids have gone through, by entries.
func heapBytes(open func() Cache[int64], cap int) float64 {
	const copies = 20
	caches := make([]Cache[int64], copies)
	before := liveBytes()
	kept := 0
	for i := range caches {
		caches[i] = open()
		for range 4 * cap {
			caches[i].Update(newID(), addOne)
		}
	}
	time.Sleep(time.Second) // Until the goroutines have done what they put off.
	after := liveBytes()
	for _, cache := range caches {
		kept += cache.Len()
		cache.Stop()
	}
	return (after - before) / float64(kept)
}

func liveBytes() float64 {
	// Twice: what the first collection finds dead in pools and in finalizers' hands, the second frees.
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// newID gives a session id of 37 bytes.
func newID() string { return fmt.Sprintf("sess-%016x%016x", rand.Uint64(), rand.Uint64()) }

// TestSpeed measures the library that is named on the command line, and prints a line of JSON.
func TestSpeed(t *testing.T) {
	if *streamFile == "" {
		return // simlib/calibration/peers.py starts it.
	}
	s, err := readStream(*streamFile)
	if err != nil {
		t.Fatal(err)
	}
	make, ok := Makers[int64]()[*library]
	if !ok {
		t.Fatalf("unknown library %q", *library)
	}
	open := func() Cache[int64] { return make(Settings[int64]{Cap: *entries, TTL: *ttl, Seed: *seed}) }
	if *goroutines > 1 {
		alone := open
		open = func() Cache[int64] { return OneAtATime(alone()) }
	}
	ids := s.sharedOut(*goroutines)
	found := measured(open, ids)
	for range *rounds - 1 {
		again := measured(open, ids)
		found.MeanNs, found.P50Ns = min(found.MeanNs, again.MeanNs), min(found.P50Ns, again.P50Ns)
		found.P99Ns, found.WorstNs = min(found.P99Ns, again.P99Ns), min(found.WorstNs, again.WorstNs)
		found.GarbageBytes = min(found.GarbageBytes, again.GarbageBytes)
	}
	found.HeapBytes = heapBytes(open, *entries)
	line, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(string(line))
}
