package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// unbounded is the sync.Map that leaked.
type unbounded struct {
	counts sync.Map // session -> *atomic.Int64
}

func (s *unbounded) Increment(session string, _ time.Time) int64 {
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
