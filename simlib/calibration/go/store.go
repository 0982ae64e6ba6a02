// Package main holds the two stores of the incident, written for this project as the design states them, and measures
// them and those that may take their place (a package each): their ledger, their heap, their time. The Python stores are
// held to these, and the models fitted to them.
package main

import (
	"fmt"
	"sync"
	"time"

	"churn/heap"
	"churn/linkedlist"
	"churn/lowwatermark"
	"churn/retiredtotal"
	"churn/staleonly"
	"churn/twogenerations"
)

const missing = "__missing__"

// A store counts events by session. The time is passed in.
type store interface {
	// Increment counts one event of a session and returns its count.
	Increment(session string, now time.Time) int64
	// Delete removes a session's entry and returns the count it held, 0 if there was none.
	Delete(session string) int64
	// Snapshot copies all counts.
	Snapshot() map[string]int64
}

// A hook receives each entry that a store removes by itself; the cause is "cap" or "ttl". A store in service has none.
type hook func(session string, count int64, cause string)

// settings of a bounded store; a bound of 0 or less is off.
type settings struct {
	MaxEntries int   `json:"max_entries"`
	TTL        int64 `json:"ttl"`
	PruneEvery int64 `json:"prune_every"`
}

func (s settings) ttl() time.Duration { return time.Duration(s.TTL) }

func (s settings) every() uint64 { return uint64(s.PruneEvery) }

// designs makes an empty store of each design, by its name in the Python registry, and of the map that has none there.
var designs = map[string]func(settings, hook) store{
	"unbounded":   func(settings, hook) store { return &unbounded{} },
	"high_volume": func(settings, hook) store { return &highVolume{counts: make(map[string]int)} },
	"bounded":     func(s settings, h hook) store { return newBounded(s, h) },
	"heap":        func(s settings, h hook) store { return heap.New(s.MaxEntries, s.ttl(), s.every(), h) },
	"linked_list": func(s settings, h hook) store { return linkedlist.New(s.MaxEntries, s.ttl(), h) },
	"low_watermark": func(s settings, h hook) store {
		return lowwatermark.New(s.MaxEntries, s.ttl(), s.every(), h)
	},
	"retired_total": func(s settings, h hook) store {
		return retiredtotal.New(s.MaxEntries, s.ttl(), s.every(), h)
	},
	"stale_only":      func(s settings, h hook) store { return staleonly.New(s.MaxEntries, s.ttl(), h) },
	"two_generations": func(s settings, h hook) store { return twogenerations.New(s.MaxEntries, s.ttl(), h) },
}

// newStore makes an empty store of a design; an unknown one is an error.
func newStore(design string, s settings, h hook) (store, error) {
	if create, ok := designs[design]; ok {
		return create(s, h), nil
	}
	return nil, fmt.Errorf("unknown design %q", design)
}

// begin has a reading of the monotonic clock, as every time.Now() in the service has: comparing two such times costs
// half of what comparing times of day does.
var begin = time.Now()

// instant gives the time that an entry holds for a time of the stream.
func instant(now int64) time.Time { return begin.Add(time.Duration(now)) }

// highVolume is the map that was left as it was: a count for each session that streams token deltas.
type highVolume struct {
	mu     sync.Mutex
	counts map[string]int
}

func (s *highVolume) Increment(session string, _ time.Time) int64 {
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
