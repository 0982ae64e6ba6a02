package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/rand"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"
)

// live gives the bytes that are reachable on the heap.
func live() int64 {
	// Twice: what the first collection finds dead in pools and in finalizers' hands, the second frees.
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// key gives the session id of a number: its own allocation, of the length asked for.
func key(number uint64, length int) string {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], number)
	id := []byte("sess-" + strings.Repeat("0", max(length-21, 0)) + hex.EncodeToString(raw[:]))
	return string(id[len(id)-length:])
}

// heapTask: grow maps to Entries, then delete, oldest first, all but Keep, or hold them at Entries through Churn new keys.
type heapTask struct {
	Design    string   `json:"design"`
	Settings  settings `json:"settings"` // Both bounds are off without them.
	Entries   int      `json:"entries"`
	Keep      int      `json:"keep"`
	Churn     int      `json:"churn"`
	KeyLength int      `json:"key_length"`
	Copies    int      `json:"copies"`
	Export    bool     `json:"export"` // Range over the unbounded map, as an export of the counters does.
}

// measureHeap gives the live heap bytes of one map when grown, and when deleted or churned, as means over the copies.
func measureHeap(t heapTask) (map[string]float64, error) {
	before := live()
	stores := make([]store, t.Copies)
	number := uint64(0)
	for i := range stores {
		s, err := newStore(t.Design, t.Settings, nil)
		if err != nil {
			return nil, err
		}
		stores[i] = s
	}
	emptyStores := live()
	first := make([]uint64, t.Copies)
	for i, s := range stores {
		first[i] = number
		for range t.Entries {
			s.Increment(key(number, t.KeyLength), begin)
			number++
		}
		settle(s, t.Export)
	}
	grown := live()
	for i, s := range stores {
		for gone := range t.Entries - t.Keep {
			s.Delete(key(first[i]+uint64(gone), t.KeyLength))
		}
		oldest := first[i] + uint64(t.Entries-t.Keep)
		for range t.Churn {
			s.Increment(key(number, t.KeyLength), begin)
			number++
			s.Delete(key(oldest, t.KeyLength))
			if oldest++; oldest == first[i]+uint64(t.Entries) {
				oldest = number - uint64(t.Keep)
			}
		}
		settle(s, t.Export)
	}
	after := live()
	runtime.KeepAlive(stores)
	each := func(bytes int64) float64 { return float64(bytes) / float64(t.Copies) }
	return map[string]float64{"empty": each(emptyStores - before), "grown": each(grown - before), "after": each(after - before)}, nil
}

func settle(s store, export bool) {
	if u, ok := s.(*unbounded); ok && export {
		u.counts.Range(func(any, any) bool { return true })
	}
}

// costTask: time the parts of a bounded store's increment with Entries in it, Rounds times each.
type costTask struct {
	Entries int `json:"entries"`
	Rounds  int `json:"rounds"`
}

// measureCost gives medians over the rounds, in ns: an increment of a known session and of a new one (no prune), a
// prune that finds nothing, one that expires all (for each entry), and one that sorts and removes one.
func measureCost(t costTask) map[string]float64 {
	// Two sets of ids that replace each other in the store, and one id more to exceed the cap.
	var sets [2][]string
	for set := range sets {
		for range t.Entries {
			sets[set] = append(sets[set], key(rand.Uint64(), 37))
		}
	}
	extra, now := key(rand.Uint64(), 37), int64(0)
	s := newBounded(settings{TTL: 1 << 40, PruneEvery: 1 << 60}, nil)
	for _, id := range sets[0] {
		s.Increment(id, instant(now))
	}
	timed := func(prepare func(), work func() float64) float64 {
		took := make([]float64, t.Rounds)
		for round := range took {
			prepare()
			took[round] = work()
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	nothing := func() {}
	clock := clockCost()
	// One out, one in, as in a store that is full and in use; the table settles meanwhile.
	in, order := 0, rand.Perm(t.Entries)
	created := timed(nothing, func() float64 {
		sum, set := time.Duration(0), sets[1-in]
		for _, i := range order {
			s.Delete(sets[in][i])
			now++
			begin := time.Now()
			s.Increment(set[i], instant(now))
			sum += time.Since(begin)
		}
		in = 1 - in
		return float64(sum)/float64(t.Entries) - clock
	})
	ids := sets[in]
	whole := func(work func()) func() float64 {
		return func() float64 {
			begin := time.Now()
			work()
			return float64(time.Since(begin))
		}
	}
	known := timed(nothing, whole(func() {
		for _, i := range order {
			now++
			s.Increment(ids[i], instant(now))
		}
	})) / float64(t.Entries)
	scan := timed(nothing, whole(func() { s.prune(instant(now)) }))
	s.MaxEntries = t.Entries
	sorted := timed(func() {
		for _, i := range rand.Perm(t.Entries) {
			now++
			s.entries[ids[i]].lastSeen = instant(now)
		}
		s.entries[extra] = &entry{1, instant(-1 << 30)}
	}, whole(func() { s.prune(instant(now)) }))
	s.MaxEntries = 0
	expired := timed(func() {
		for _, id := range ids {
			s.entries[id] = &entry{1, instant(0)}
		}
	}, whole(func() { s.prune(instant(1 << 50)) })) / float64(t.Entries)
	return map[string]float64{"known": known, "scan": scan, "sort": sorted, "created": created, "expired": expired}
}

// stall gives the mean time in ns of an increment of a stream through a bounded store at full speed.
func stall(chosen settings, s *stream) map[string]float64 {
	store := newBounded(chosen, nil)
	increments := 0
	runtime.GC()
	begin := time.Now()
	for row, session := range s.session {
		if s.op[row] == 0 {
			store.Increment(s.ids[session], instant(s.time[row]))
			increments++
		} else {
			store.Delete(s.ids[session])
		}
	}
	return map[string]float64{"mean_ns": float64(time.Since(begin)) / float64(max(increments, 1))}
}

// pressureTask: replay both counters of a stream, which follows as records, into maps of a design, Speed times as fast
// as it happened (0: at full speed), until resident memory has grown by LimitBytes. Each event leaves Garbage bytes
// behind, as the decoding of its payload does.
type pressureTask struct {
	Design     string   `json:"design"`
	Settings   settings `json:"settings"`
	LimitBytes int64    `json:"limit_bytes"`
	Garbage    int      `json:"garbage"`
	Every      int      `json:"every"`
	Speed      float64  `json:"speed"`
}

type sample struct {
	Time       int64 `json:"time"`
	Resident   int64 `json:"resident"`
	HeapLive   int64 `json:"heap_live"`
	HeapInUse  int64 `json:"heap_in_use"`
	Operations int64 `json:"operations"`
}

var sink []byte

// pressure reads records (int64 time, uint8 counter, uint8 op, uint16 length of the id, the id; little-endian) to the
// end, and gives a sample every Every operations, the last where the limit was reached.
func pressure(t pressureTask, records io.Reader) ([]sample, error) {
	in := bufio.NewReaderSize(records, 1<<16)
	var stores [2]store
	for i := range stores {
		s, err := newStore(t.Design, t.Settings, nil)
		if err != nil {
			return nil, err
		}
		stores[i] = s
	}
	runtime.GC()
	base, samples := resident(), []sample{}
	begin, first := time.Now(), int64(-1)
	var head [12]byte
	id := make([]byte, 1<<16)
	for operations := int64(1); ; operations++ {
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			return samples, nil
		} else if err != nil {
			return nil, err
		}
		now := int64(binary.LittleEndian.Uint64(head[:8]))
		length := binary.LittleEndian.Uint16(head[10:])
		if _, err := io.ReadFull(in, id[:length]); err != nil {
			return nil, err
		}
		if first < 0 {
			first = now
		}
		if t.Speed > 0 {
			// Shorter sleeps than a timer keeps would only add up to lateness.
			if ahead := time.Until(begin.Add(time.Duration(float64(now-first) / t.Speed))); ahead > time.Millisecond {
				time.Sleep(ahead)
			}
		}
		sink = make([]byte, t.Garbage)
		if head[9] == 0 {
			stores[head[8]].Increment(string(id[:length]), instant(now))
		} else {
			stores[head[8]].Delete(string(id[:length]))
		}
		if operations%int64(t.Every) == 0 {
			taken := observe(now, base, operations)
			samples = append(samples, taken)
			if t.LimitBytes > 0 && taken.Resident >= t.LimitBytes {
				_, err := io.Copy(io.Discard, in)
				return samples, err
			}
		}
	}
}

func observe(now, base, operations int64) sample {
	values := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(values)
	return sample{now, resident() - base, int64(values[0].Value.Uint64()), int64(values[1].Value.Uint64()), operations}
}

// resident gives the bytes of memory that the process holds.
func resident() int64 {
	fields, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(fields))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
