package main

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// incrementTask: apply the first Fill rows of a stream to a store, then the others from a number of goroutines that
// share the store, row by row in rotation, and time each increment.
type incrementTask struct {
	Fill       int `json:"fill"`
	Goroutines int `json:"goroutines"`
}

// measureIncrements gives the times of an increment in ns as its caller sees them, the wait for the lock included and the
// cost of reading the clock subtracted; and the bytes and objects that an increment allocates on average, which is its
// garbage where the store keeps its size.
func measureIncrements(design string, chosen settings, t incrementTask, s *stream) (map[string]float64, error) {
	st, err := newStore(design, chosen, nil)
	if err != nil {
		return nil, err
	}
	apply := func(row int) (took time.Duration) {
		id, now := s.ids[s.session[row]], instant(s.time[row])
		if s.op[row] == 1 {
			st.Delete(id)
			return -1
		}
		begin := time.Now()
		st.Increment(id, now)
		return time.Since(begin)
	}
	for row := range t.Fill {
		apply(row)
	}
	took := make([]time.Duration, len(s.op)-t.Fill)
	var group sync.WaitGroup
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	group.Add(t.Goroutines)
	for first := range t.Goroutines {
		go func() {
			defer group.Done()
			for i := first; i < len(took); i += t.Goroutines {
				took[i] = apply(t.Fill + i)
			}
		}()
	}
	group.Wait()
	runtime.ReadMemStats(&after)
	took = slices.DeleteFunc(took, func(each time.Duration) bool { return each < 0 })
	slices.Sort(took)
	sum, n := time.Duration(0), len(took)
	for _, each := range took {
		sum += each
	}
	clock := clockCost()
	at := func(share float64) float64 { return float64(took[int(share*float64(n-1))]) - clock }
	return map[string]float64{
		"mean_ns": float64(sum)/float64(n) - clock, "p50_ns": at(0.5), "p99_ns": at(0.99), "worst_ns": at(1),
		"garbage_bytes": float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
		"allocs":        float64(after.Mallocs-before.Mallocs) / float64(n),
	}, nil
}

// clockCost gives the median of what two readings of the clock, with nothing between them, add to a measured time, ns.
func clockCost() float64 {
	sums := make([]float64, 101)
	for i := range sums {
		for range 1000 {
			begin := time.Now()
			sums[i] += float64(time.Since(begin)) / 1000
		}
	}
	slices.Sort(sums)
	return sums[len(sums)/2]
}
