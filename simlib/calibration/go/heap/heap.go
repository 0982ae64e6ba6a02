// Package heap counts events by session, within a cap and an idle TTL, with the entry to remove at the top of a heap.
//
// Rule: every pruneEvery-th increment, and every one that exceeds the cap, removes the entries idle for longer than the
// TTL; then, if there are more than the cap, those first in the order of (last seen, id) until the cap holds. These are
// the decisions of a store that scans and sorts its map, to the last tie.
//
// Cost: O(log n) for an increment, and for each entry that leaves; a new session allocates one entry of 64 bytes.
//
// Source: the incident's follow-up, "consider heap-based LRU"; the standard library's container/heap.
package heap

import (
	"container/heap"
	"sync"
	"time"
)

// missing is the session that an empty id counts for.
const missing = "__missing__"

type entry struct {
	id       string
	count    int64
	lastSeen time.Time
	place    int // In the heap.
}

// byAge is a heap.Interface whose top is the entry to remove first.
type byAge []*entry

func (h byAge) Len() int { return len(h) }

func (h byAge) Less(i, j int) bool {
	if order := h[i].lastSeen.Compare(h[j].lastSeen); order != 0 {
		return order < 0
	}
	return h[i].id < h[j].id
}

func (h byAge) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *byAge) Push(e any) { *h = append(*h, e.(*entry)) }

func (h *byAge) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil // Or the array would keep it alive.
	*h = (*h)[:last]
	return e
}

// Store is safe for concurrent use. It reads no clock and starts no goroutine.
type Store struct {
	mu         sync.Mutex // Every call but Snapshot and Len writes, so a read lock would not pay.
	entries    map[string]*entry
	byAge      byAge
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

// Increment counts one event of a session and returns its count. O(log n), and for each entry that leaves.
func (s *Store) Increment(id string, now time.Time) int64 {
	if id == "" {
		id = missing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if ok {
		e.lastSeen = now
		heap.Fix(&s.byAge, e.place)
	} else {
		e = &entry{id: id, lastSeen: now, place: len(s.byAge)}
		s.entries[id] = e
		heap.Push(&s.byAge, e)
	}
	e.count++
	s.ops++
	if s.ttl > 0 && (s.ops%s.pruneEvery == 0 || s.over()) {
		for len(s.byAge) > 0 && now.Sub(s.byAge[0].lastSeen) > s.ttl {
			s.evict("ttl")
		}
	}
	for s.over() {
		s.evict("cap")
	}
	return e.count
}

func (s *Store) over() bool { return s.maxEntries > 0 && len(s.byAge) > s.maxEntries }

// evict removes the top of the heap.
func (s *Store) evict(cause string) {
	e := heap.Pop(&s.byAge).(*entry)
	delete(s.entries, e.id)
	if s.onEvict != nil {
		s.onEvict(e.id, e.count, cause)
	}
}

// Delete removes a session's entry and returns the count it held, 0 if there was none. O(log n).
func (s *Store) Delete(id string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[id]
	if !ok {
		return 0
	}
	heap.Remove(&s.byAge, e.place)
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
