// Package retiredtotal counts events by session, within a cap and an idle TTL, and keeps the sum of what it removes.
//
// Rule: every pruneEvery-th increment, and every one that exceeds the cap, removes the entries idle for longer than the
// TTL; then, if there are more than the cap, those first in the order of (last seen, id) until the cap holds. The
// counts of all entries so removed add up in one number, so the total over all sessions loses nothing.
//
// Cost: O(1) for an increment without a prune. A prune scans the map, O(n), and sorts it where the cap is exceeded,
// O(n log n) with n records of 40 bytes as garbage: once the store is full, for each new session.
//
// Source: the shipped store, with the "_evicted" child of cockroachdb/cockroach#158662.
package retiredtotal

import (
	"sort"
	"sync"
	"time"
)

// missing is the session that an empty id counts for.
const missing = "__missing__"

type entry struct {
	count    int64
	lastSeen time.Time
}

// aged is the record that the cap phase sorts.
type aged struct {
	id       string
	lastSeen time.Time
}

// Store is safe for concurrent use. It reads no clock and starts no goroutine.
type Store struct {
	mu         sync.Mutex // Every call but Snapshot and Len writes, so a read lock would not pay.
	entries    map[string]*entry
	retired    int64
	maxEntries int
	ttl        time.Duration
	pruneEvery uint64
	ops        uint64
	onEvict    func(id string, count int64, cause string)
}

// New makes an empty store; a maxEntries or ttl of 0 or less is no bound, a pruneEvery of 0 counts as 1. onEvict, nil
// in service, receives each entry that the store removes by itself and the cause, "cap" or "ttl"; it must not call the
// store.
func New(maxEntries int, ttl time.Duration, pruneEvery uint64, onEvict func(id string, count int64, cause string)) *Store {
	return &Store{
		entries: make(map[string]*entry), maxEntries: maxEntries, ttl: ttl, pruneEvery: max(pruneEvery, 1), onEvict: onEvict,
	}
}

// Increment counts one event of a session and returns its count. O(1), or a prune.
func (s *Store) Increment(id string, now time.Time) int64 {
	if id == "" {
		id = missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if !ok {
		e = &entry{}
		s.entries[id] = e
	}
	e.count++
	e.lastSeen = now
	s.ops++
	if s.ttl > 0 && s.ops%s.pruneEvery == 0 || s.over() {
		s.prune(now)
	}
	return e.count
}

func (s *Store) over() bool { return s.maxEntries > 0 && len(s.entries) > s.maxEntries }

func (s *Store) prune(now time.Time) {
	if s.ttl > 0 {
		for id, e := range s.entries {
			if now.Sub(e.lastSeen) > s.ttl {
				s.evict(id, "ttl")
			}
		}
	}
	if !s.over() {
		return
	}
	all := make([]aged, 0, len(s.entries))
	for id, e := range s.entries {
		all = append(all, aged{id, e.lastSeen})
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].lastSeen.Equal(all[j].lastSeen) {
			return all[i].id < all[j].id
		}
		return all[i].lastSeen.Before(all[j].lastSeen)
	})
	for _, oldest := range all[:len(all)-s.maxEntries] {
		s.evict(oldest.id, "cap")
	}
}

func (s *Store) evict(id, cause string) {
	count := s.entries[id].count
	s.retired += count
	delete(s.entries, id)
	if s.onEvict != nil {
		s.onEvict(id, count, cause)
	}
}

// Delete removes a session's entry and returns the count it held, 0 if there was none. O(1).
func (s *Store) Delete(id string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if !ok {
		return 0
	}
	delete(s.entries, id)
	return e.count
}

// Snapshot copies all counts. O(entries), under the lock.
func (s *Store) Snapshot() map[string]int64 {
	counts, _ := s.Export()
	return counts
}

// Export copies all counts, and the retired number of the same instant: read by two calls, an entry that leaves between
// them would be counted twice or not at all. O(entries), under the lock.
func (s *Store) Export() (counts map[string]int64, retired int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts = make(map[string]int64, len(s.entries))
	for id, e := range s.entries {
		counts[id] = e.count
	}
	return counts, s.retired
}

// Retired returns the sum of the counts of all entries that the store removed by itself. O(1).
func (s *Store) Retired() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

// Len returns the number of entries. O(1).
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}
