package main

import (
	"math/bits"
	"slices"

	"churn/retiredtotal"
)

// byShippedRule lists the designs that prune when the shipped store does.
var byShippedRule = []string{"heap", "low_watermark", "retired_total"}

// A stream holds n operations as columns; a session is an index into ids.
type stream struct {
	ids     []string
	time    []int64
	session []int32
	op      []uint8 // 0 increments, 1 deletes
}

// eviction is one entry that a store removed by itself, in the increment of one row of the stream.
type eviction struct {
	Row     int    `json:"row"`
	Session string `json:"session"`
	Cause   string `json:"cause"`
	Count   int64  `json:"count"`
	Idle    int64  `json:"idle"`
	False   bool   `json:"false"`
}

// ledger holds the totals of one store over one stream, under the names of the design.
type ledger struct {
	Increments     int64 `json:"increments"`
	Deletes        int64 `json:"deletes"`
	DeletesHit     int64 `json:"deletes_hit"`
	Creates        int64 `json:"creates"`
	StaleHits      int64 `json:"stale_hits"`
	CapEvictions   int64 `json:"cap_evictions"`
	TTLEvictions   int64 `json:"ttl_evictions"`
	FalseEvictions int64 `json:"false_evictions"`
	LostCounts     int64 `json:"lost_counts"`
	Prunes         int64 `json:"prunes"`
	EntriesScanned int64 `json:"entries_scanned"`
	EntriesSorted  int64 `json:"entries_sorted"`
	PeakEntries    int64 `json:"peak_entries"`
	FinalEntries   int64 `json:"final_entries"`
	FinalCountSum  int64 `json:"final_count_sum"`
	LogLines       int64 `json:"log_lines"`

	// No design here has a shared counter or takes over a count, so these two are always 0.
	OverflowCounts  int64 `json:"overflow_counts"`
	InheritedCounts int64 `json:"inherited_counts"`
	RetiredCounts   int64 `json:"retired_counts"`

	Evictions []eviction `json:"evictions,omitempty"`
}

// canonical gives every increment of the empty id the session that it counts for.
func (s *stream) canonical() {
	index := make(map[string]int32, len(s.ids))
	for i, id := range s.ids {
		index[id] = int32(i)
	}
	for row, session := range s.session {
		if s.op[row] == 0 && s.ids[session] == "" {
			if _, ok := index[missing]; !ok {
				index[missing] = int32(len(s.ids))
				s.ids = append(s.ids, missing)
			}
			s.session[row] = index[missing]
		}
	}
}

// following gives for each row the next row of its session, n where there is none.
func (s *stream) following() []int {
	next, ahead := make([]int, len(s.op)), make([]int, len(s.ids))
	for i := range ahead {
		ahead[i] = len(s.op)
	}
	for row := len(s.op) - 1; row >= 0; row-- {
		next[row] = ahead[s.session[row]]
		ahead[s.session[row]] = row
	}
	return next
}

// prune counts a prune of a store that prunes by the shipped rule and keeps no account of it: n entries before it, of
// which gone expired. A heap neither scans nor sorts; what is counted is the work that the shipped store would have done.
func (l *ledger) prune(s settings, n, gone int64) {
	limit := int64(s.MaxEntries)
	if limit > 0 && n > limit || s.TTL > 0 && l.Increments%s.PruneEvery == 0 {
		l.Prunes++
		if s.TTL > 0 {
			l.EntriesScanned += n
		}
		if limit > 0 && n-gone > limit {
			l.EntriesSorted += n - gone
		}
	}
}

// account runs a new store over a stream; with rows it lists every eviction.
func account(design string, chosen settings, s *stream, rows bool) (ledger, error) {
	given := s.ids
	raw := append([]int32(nil), s.session...)
	s.canonical()
	index := make(map[string]int32, len(s.ids))
	for i, id := range s.ids {
		index[id] = int32(i)
	}
	var l ledger
	next, ahead := s.following(), make([]int, len(s.ids))
	lastSeen := make([]int64, len(s.ids))
	size, row := int64(0), 0
	st, err := newStore(design, chosen, func(session string, count int64, cause string) {
		gone := index[session]
		following, seen := ahead[gone], lastSeen[gone]
		if cause == "cap" {
			l.CapEvictions++
			if gone == s.session[row] {
				seen = s.time[row] // The cap evicts after the increment is counted.
			}
		} else {
			l.TTLEvictions++
			if gone == s.session[row] {
				following = row // The TTL evicted it before: this increment is what comes next.
			}
		}
		wrong := following < len(s.op) && s.op[following] == 0
		if wrong {
			l.FalseEvictions++
			l.LostCounts += count
		}
		size--
		if rows {
			l.Evictions = append(l.Evictions, eviction{row, session, cause, count, s.time[row] - seen, wrong})
		}
	})
	if err != nil {
		return ledger{}, err
	}
	_, isUnbounded := st.(*unbounded)
	unaccounted := slices.Contains(byShippedRule, design)
	for row = range s.op {
		session, now := s.session[row], s.time[row]
		ahead[session] = next[row]
		if s.op[row] == 1 {
			l.Deletes++
			if st.Delete(given[raw[row]]) > 0 {
				l.DeletesHit++
				size--
			}
		} else {
			l.Increments++
			size++ // An eviction in the same call must find the new entry counted.
			before, expired := size, l.TTLEvictions
			count := st.Increment(given[raw[row]], instant(now))
			if count == 1 {
				l.Creates++
			} else {
				size--
				before--
				if !isUnbounded && chosen.TTL > 0 && now-lastSeen[session] > chosen.TTL {
					l.StaleHits++
				}
			}
			if unaccounted {
				l.prune(chosen, before, l.TTLEvictions-expired)
			}
			if bits.OnesCount64(uint64(count)) == 1 {
				l.LogLines++
			}
			lastSeen[session] = now
		}
		l.PeakEntries = max(l.PeakEntries, size)
	}
	for _, count := range st.Snapshot() {
		l.FinalEntries++
		l.FinalCountSum += count
	}
	switch st := st.(type) {
	case *bounded:
		l.Prunes, l.EntriesScanned, l.EntriesSorted = st.prunes, st.scanned, st.sorted
	case *retiredtotal.Store:
		l.RetiredCounts = st.Retired()
	}
	return l, nil
}
