// Package main holds the two stores of the incident, written for this project as the design states them, and measures
// them: their ledger, their heap, their time. The Python stores are held to these, and the models fitted to them.
package main

import (
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

const missing = "__missing__"

// A store counts events by session. The time is passed in, in nanoseconds.
type store interface {
	// Increment counts one event of a session and returns its count.
	Increment(session string, now int64) int64
	// Delete removes a session's entry and returns the count it held, 0 if there was none.
	Delete(session string) int64
	// Snapshot copies all counts.
	Snapshot() map[string]int64
}

// unbounded is the sync.Map that leaked.
type unbounded struct {
	counts sync.Map // session -> *atomic.Int64
}

func (s *unbounded) Increment(session string, _ int64) int64 {
	if session == "" {
		session = missing
	}
	counter, ok := s.counts.Load(session)
	if !ok {
		counter, _ = s.counts.LoadOrStore(session, new(atomic.Int64))
	}
	return counter.(*atomic.Int64).Add(1)
}

func (s *unbounded) Delete(session string) int64 {
	if counter, ok := s.counts.LoadAndDelete(session); ok {
		return counter.(*atomic.Int64).Load()
	}
	return 0
}

func (s *unbounded) Snapshot() map[string]int64 {
	counts := make(map[string]int64)
	s.counts.Range(func(session, counter any) bool {
		counts[session.(string)] = counter.(*atomic.Int64).Load()
		return true
	})
	return counts
}

// entry and aged have the shapes of the service: 32 bytes with a pointer, and 40 bytes with two.
type entry struct {
	count    int64
	lastSeen time.Time
}

// aged is the record that the cap phase sorts.
type aged struct {
	session  string
	lastSeen time.Time
}

// begin has a reading of the monotonic clock, as every time.Now() in the service has: comparing two such times costs
// half of what comparing times of day does.
var begin = time.Now()

// instant gives the time that an entry holds for a time of the stream.
func instant(now int64) time.Time { return begin.Add(time.Duration(now)) }

// settings of a bounded store; a bound of 0 or less is off.
type settings struct {
	MaxEntries int   `json:"max_entries"`
	TTL        int64 `json:"ttl"`
	PruneEvery int64 `json:"prune_every"`
}

// work counts what the prunes of a store did; evicted, if set, is called with every entry that a prune removes.
type work struct {
	prunes, scanned, sorted int64
	evicted                 func(session string, byCap bool, gone *entry)
}

// bounded is the store that was shipped: a cap on every increment, an idle TTL on every PruneEvery-th.
type bounded struct {
	mu      sync.RWMutex
	entries map[string]*entry
	settings
	ops uint64
	work
}

func newBounded(s settings) *bounded {
	return &bounded{entries: make(map[string]*entry), settings: s}
}

func (s *bounded) Increment(session string, now int64) int64 {
	if session == "" {
		session = missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[session]
	if !ok {
		e = &entry{}
		s.entries[session] = e
	}
	e.count++
	e.lastSeen = instant(now)
	s.ops++
	count := e.count
	tick := s.TTL > 0 && s.ops%uint64(s.PruneEvery) == 0
	if tick || s.MaxEntries > 0 && len(s.entries) > s.MaxEntries {
		s.prune(e.lastSeen)
	}
	return count
}

func (s *bounded) prune(now time.Time) {
	s.prunes++
	if s.TTL > 0 {
		s.scanned += int64(len(s.entries))
		for session, e := range s.entries {
			if now.Sub(e.lastSeen) > time.Duration(s.TTL) {
				s.remove(session, false)
			}
		}
	}
	if s.MaxEntries <= 0 || len(s.entries) <= s.MaxEntries {
		return
	}
	all := make([]aged, 0, len(s.entries))
	for session, e := range s.entries {
		all = append(all, aged{session, e.lastSeen})
	}
	s.sorted += int64(len(all))
	sort.Slice(all, func(i, j int) bool {
		if all[i].lastSeen.Equal(all[j].lastSeen) {
			return all[i].session < all[j].session
		}
		return all[i].lastSeen.Before(all[j].lastSeen)
	})
	for _, oldest := range all[:len(all)-s.MaxEntries] {
		s.remove(oldest.session, true)
	}
}

func (s *bounded) remove(session string, byCap bool) {
	if s.evicted != nil {
		s.evicted(session, byCap, s.entries[session])
	}
	delete(s.entries, session)
}

func (s *bounded) Delete(session string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[session]
	if !ok {
		return 0
	}
	delete(s.entries, session)
	return e.count
}

func (s *bounded) Snapshot() map[string]int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	counts := make(map[string]int64, len(s.entries))
	for session, e := range s.entries {
		counts[session] = e.count
	}
	return counts
}

// highVolume is the map that was left as it was: a count for each session that streams token deltas.
type highVolume struct {
	mu     sync.Mutex
	counts map[string]int
}

func (s *highVolume) Increment(session string, _ int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[session]++
	return int64(s.counts[session])
}

func (s *highVolume) Delete(session string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.counts[session]
	delete(s.counts, session)
	return int64(count)
}

func (s *highVolume) Snapshot() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int64, len(s.counts))
	for session, count := range s.counts {
		counts[session] = int64(count)
	}
	return counts
}

// newStore makes an empty store of a design; an unknown one is an error.
func newStore(design string, s settings) (store, error) {
	switch design {
	case "unbounded":
		return &unbounded{}, nil
	case "high_volume":
		return &highVolume{counts: make(map[string]int)}, nil
	case "bounded":
		return newBounded(s), nil
	}
	return nil, fmt.Errorf("unknown design %q", design)
}
