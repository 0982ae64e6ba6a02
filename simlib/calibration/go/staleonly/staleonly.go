// Package staleonly counts events by session, and removes an entry only where the cap needs its room and it is stale.
//
// Rule: after an increment is counted, while there are more entries than the cap and the least recently used has been
// idle for longer than the TTL, it leaves. Without a stale entry the store grows beyond the cap: the cap is a wish, and
// no session in use ever loses its count.
//
// Cost: O(1) for an increment, and for each entry that leaves; a new session allocates one entry of 64 bytes. The size
// is bounded only by the sessions of one TTL.
//
// Source: the rule proposed in cockroachdb/cockroach#164720.
package staleonly

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

// New makes an empty store; with a maxEntries of 0 or less there is always room, with such a ttl nothing is ever stale.
// onEvict, nil in service, receives each entry that the store removes by itself and the cause, which is always "cap";
// it must not call the store.
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
	for s.maxEntries > 0 && len(s.entries) > s.maxEntries && s.ttl > 0 && now.Sub(s.ends.newer.lastSeen) > s.ttl {
		s.evict(s.ends.newer)
	}
	return e.count
}

func (e *entry) unlink() { e.newer.older, e.older.newer = e.older, e.newer }

func (s *Store) evict(e *entry) {
	e.unlink()
	delete(s.entries, e.id)
	if s.onEvict != nil {
		s.onEvict(e.id, e.count, "cap")
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
