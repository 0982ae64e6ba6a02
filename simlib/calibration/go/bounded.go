package main

import (
	"sort"
	"sync"
	"time"
)

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

// work counts what the prunes of a store did.
type work struct{ prunes, scanned, sorted int64 }

// bounded is the store that was shipped: a cap on every increment, an idle TTL on every PruneEvery-th.
type bounded struct {
	mu      sync.RWMutex
	entries map[string]*entry
	settings
	ops     uint64
	onEvict hook
	work
}

func newBounded(s settings, onEvict hook) *bounded {
	return &bounded{entries: make(map[string]*entry), settings: s, onEvict: onEvict}
}

func (s *bounded) Increment(session string, now time.Time) int64 {
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

func (s *bounded) prune(now time.Time) {
	s.prunes++
	if s.TTL > 0 {
		s.scanned += int64(len(s.entries))
		for session, e := range s.entries {
			if now.Sub(e.lastSeen) > time.Duration(s.TTL) {
				s.evict(session, "ttl")
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
		s.evict(oldest.session, "cap")
	}
}

func (s *bounded) evict(session, cause string) {
	if s.onEvict != nil {
		s.onEvict(session, s.entries[session].count, cause)
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
