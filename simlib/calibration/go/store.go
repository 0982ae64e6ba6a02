// Package main holds the two stores of the incident, written for this project as the design states them, and measures
// them: their ledger, their heap, their time. The Python stores are held to these, and the models fitted to them.
package main

import (
	"sort"
	"sync"
	"sync/atomic"
)

const missing = "__missing__"

// A store counts events by session. The clock is passed in, in nanoseconds.
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

type entry struct {
	count    int64
	lastSeen int64
}

// settings of a bounded store; a bound of 0 or less is off.
type settings struct {
	MaxEntries int   `json:"max_entries"`
	TTL        int64 `json:"ttl"`
	PruneEvery int64 `json:"prune_every"`
}

// work is what the prunes of a store did, and hooks for whoever keeps the accounts.
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
	e.lastSeen = now
	s.ops++
	count := e.count
	tick := s.TTL > 0 && s.ops%uint64(s.PruneEvery) == 0
	if tick || s.MaxEntries > 0 && len(s.entries) > s.MaxEntries {
		s.prune(now)
	}
	return count
}

func (s *bounded) prune(now int64) {
	s.prunes++
	if s.TTL > 0 {
		s.scanned += int64(len(s.entries))
		for session, e := range s.entries {
			if now-e.lastSeen > s.TTL {
				s.remove(session, e, false)
			}
		}
	}
	if s.MaxEntries <= 0 || len(s.entries) <= s.MaxEntries {
		return
	}
	type aged struct {
		session string
		entry   *entry
	}
	all := make([]aged, 0, len(s.entries))
	for session, e := range s.entries {
		all = append(all, aged{session, e})
	}
	s.sorted += int64(len(all))
	sort.Slice(all, func(i, j int) bool {
		if all[i].entry.lastSeen != all[j].entry.lastSeen {
			return all[i].entry.lastSeen < all[j].entry.lastSeen
		}
		return all[i].session < all[j].session
	})
	for _, oldest := range all[:len(all)-s.MaxEntries] {
		s.remove(oldest.session, oldest.entry, true)
	}
}

func (s *bounded) remove(session string, e *entry, byCap bool) {
	delete(s.entries, session)
	if s.evicted != nil {
		s.evicted(session, byCap, e)
	}
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

func newStore(design string, s settings) store {
	if design == "unbounded" {
		return &unbounded{}
	}
	return newBounded(s)
}
