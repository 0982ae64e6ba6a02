// Package twogenerations counts events by session, within a cap and a TTL, in two maps of which the older is dropped.
//
// Rule: sessions in use stand in the current map; one found in the previous map moves over. When the current map is
// half a TTL old, or half the cap is in it and a session comes that is not, the previous map leaves as a whole and the
// current one takes its place. So under steady traffic an entry leaves after half a TTL to a whole one without use, and a
// full store drops about half of what it holds at once. No entry has a time or a place in an order.
//
// Cost: O(1) for an increment. A generation leaves in O(1) too, as garbage, unless onEvict wants each entry. A new
// session allocates nothing but its share of a map.
//
// Source: the working-set cache of VictoriaMetrics (lib/workingsetcache).
package twogenerations

import (
	"sync"
	"time"
)

// missing is the session that an empty id counts for.
const missing = "__missing__"

// Store is safe for concurrent use. It reads no clock and starts no goroutine.
type Store struct {
	mu                sync.Mutex // Every call but Snapshot and Len writes, so a read lock would not pay.
	current, previous map[string]int64
	since             time.Time // When the current map began; zero before the first increment.
	half              int
	period            time.Duration
	bounded, expires  bool
	onEvict           func(id string, count int64, cause string)
}

// New makes an empty store; a maxEntries or ttl of 0 or less is no bound. onEvict, nil in service, receives each entry
// that the store removes by itself and the cause, "cap" or "ttl"; it must not call the store.
func New(maxEntries int, ttl time.Duration, onEvict func(id string, count int64, cause string)) *Store {
	return &Store{
		current: make(map[string]int64), half: max(maxEntries/2, 1), period: ttl / 2,
		bounded: maxEntries > 0, expires: ttl > 0, onEvict: onEvict,
	}
}

// Increment counts one event of a session and returns its count. O(1).
func (s *Store) Increment(id string, now time.Time) int64 {
	if id == "" {
		id = missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = now
	}
	if age := now.Sub(s.since); s.expires && age > s.period {
		s.rotate(now, "ttl")
		if age-s.period > s.period {
			s.rotate(now, "ttl")
		}
	}
	count, ok := s.current[id]
	if !ok {
		if count, ok = s.previous[id]; ok {
			delete(s.previous, id)
		}
		if s.bounded && len(s.current) >= s.half {
			s.rotate(now, "cap")
		}
	}
	count++
	s.current[id] = count
	return count
}

// rotate drops the previous map and begins a new one, with room for as many sessions as the last held.
func (s *Store) rotate(now time.Time, cause string) {
	if s.onEvict != nil {
		for id, count := range s.previous {
			s.onEvict(id, count, cause)
		}
	}
	s.previous, s.current, s.since = s.current, make(map[string]int64, len(s.current)), now
}

// Delete removes a session's entry and returns the count it held, 0 if there was none. O(1).
func (s *Store) Delete(id string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := s.current[id] + s.previous[id] // It is in one at most.
	delete(s.current, id)
	delete(s.previous, id)
	return count
}

// Snapshot copies all counts. O(entries), under the lock.
func (s *Store) Snapshot() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[string]int64, len(s.current)+len(s.previous))
	for _, generation := range []map[string]int64{s.previous, s.current} {
		for id, count := range generation {
			counts[id] = count
		}
	}
	return counts
}

// Len returns the number of entries. O(1).
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.current) + len(s.previous)
}
