// Package linkedlist counts events by session, within a cap and an idle TTL, in a map and a list in order of last use.
//
// Rule: before an increment is counted, entries idle for longer than the TTL leave from the tail; after it, the least
// recently used leave until the cap holds. Simultaneous entries leave in the order in which they were used.
//
// Cost: O(1) for an increment, and for each entry that leaves; a new session allocates one entry of 64 bytes.
//
// Source: LRU with a sliding TTL, as in jellydator/ttlcache v3 and hashicorp/golang-lru.
package linkedlist

import (
	"sync"
	"time"
)

// missing is the session that an empty id counts for.
const missing = "__missing__"

type entry struct {
	newer, older *entry
	id           string
	count        int64
	lastSeen     time.Time
}

// Store is safe for concurrent use. It reads no clock and starts no goroutine.
type Store struct {
	mu         sync.Mutex // Every call but Snapshot and Len writes, so a read lock would not pay.
	entries    map[string]*entry
	ends       entry // Of the ring: its older is the newest entry, its newer the oldest.
	maxEntries int
	ttl        time.Duration
	onEvict    func(id string, count int64, cause string)
}

// New makes an empty store; a maxEntries or ttl of 0 or less is no bound. onEvict, nil in service, receives each entry
// that the store removes by itself and the cause, "cap" or "ttl"; it must not call the store.
func New(maxEntries int, ttl time.Duration, onEvict func(id string, count int64, cause string)) *Store {
	s := &Store{entries: make(map[string]*entry), maxEntries: maxEntries, ttl: ttl, onEvict: onEvict}
	s.ends.newer, s.ends.older = &s.ends, &s.ends
	return s
}

// Increment counts one event of a session and returns its count. O(1), and O(1) for each entry that leaves.
func (s *Store) Increment(id string, now time.Time) int64 {
	if id == "" {
		id = missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for oldest := s.ends.newer; s.ttl > 0 && oldest != &s.ends && now.Sub(oldest.lastSeen) > s.ttl; oldest = s.ends.newer {
		s.evict(oldest, "ttl")
	}
	e, ok := s.entries[id]
	if ok {
		e.unlink()
	} else {
		e = &entry{id: id}
		s.entries[id] = e
	}
	e.count++
	e.lastSeen = now
	e.newer, e.older = &s.ends, s.ends.older
	e.newer.older, e.older.newer = e, e
	for s.maxEntries > 0 && len(s.entries) > s.maxEntries {
		s.evict(s.ends.newer, "cap")
	}
	return e.count
}

func (e *entry) unlink() { e.newer.older, e.older.newer = e.older, e.newer }

func (s *Store) evict(e *entry, cause string) {
	e.unlink()
	delete(s.entries, e.id)
	if s.onEvict != nil {
		s.onEvict(e.id, e.count, cause)
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
	e.unlink()
	delete(s.entries, id)
	return e.count
}

// Snapshot copies all counts. O(entries), under the lock.
func (s *Store) Snapshot() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int64, len(s.entries))
	for id, e := range s.entries {
		counts[id] = e.count
	}
	return counts
}

// Len returns the number of entries. O(1).
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}
