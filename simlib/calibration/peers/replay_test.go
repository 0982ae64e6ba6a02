package peers

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	streamFile = flag.String("stream", "", "the stream to replay, or to measure with: a file as readStream describes")
	library    = flag.String("library", "", "the library to replay it through, by its name in Makers")
	entries    = flag.Int("entries", 2048, "the cap")
	ttl        = flag.Duration("ttl", 30*time.Minute, "the time to live")
	seed       = flag.Uint64("seed", 0, "the seed of a hash that the caller must supply")
)

// stream holds operations in time order: an increment is op 0. comesBack is 1 where the session's next operation is an
// increment.
type stream struct {
	Ids       []string `json:"ids"`
	Rows      int      `json:"rows"`
	time      []int64
	session   []int32
	op        []uint8
	comesBack []uint8
}

// readStream reads a line of JSON with ids and rows, then the columns, little-endian.
func readStream(path string) (*stream, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	s := &stream{}
	if err := json.Unmarshal(line, s); err != nil {
		return nil, err
	}
	s.time, s.session = make([]int64, s.Rows), make([]int32, s.Rows)
	s.op, s.comesBack = make([]uint8, s.Rows), make([]uint8, s.Rows)
	for _, column := range []any{s.time, s.session, s.op, s.comesBack} {
		if err := binary.Read(in, binary.LittleEndian, column); err != nil {
			return nil, err
		}
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("%s: more bytes than %d rows take", path, s.Rows)
	}
	return s, nil
}

// totals are the ledger's numbers that a library's calls and callback give, under the ledger's names.
type totals struct {
	Increments     int `json:"increments"`
	Deletes        int `json:"deletes"`
	DeletesHit     int `json:"deletes_hit"`
	Creates        int `json:"creates"`
	CapEvictions   int `json:"cap_evictions"`
	TTLEvictions   int `json:"ttl_evictions"`
	FalseEvictions int `json:"false_evictions"`
	LostCounts     int `json:"lost_counts"`
	PeakEntries    int `json:"peak_entries"`
	FinalEntries   int `json:"final_entries"`
	FinalCountSum  int `json:"final_count_sum"`
}

// entry is the value that a library keeps: a count, and where the session was last touched.
type entry struct {
	session int32
	count   int
	row     int
}

// phase is the call that the replay is in: it gives the cause of a removal where a callback does not.
type phase int

const (
	idle phase = iota
	reading
	writing
	deleting
)

type recorder struct {
	sync.Mutex // Callbacks may come from a library's goroutines.
	*stream
	totals
	live  map[int32]*entry
	phase phase
}

// evicted records a removal. What a library drops when it is read, or by itself, has expired; what it drops when
// something is written has made room.
func (r *recorder) evicted(gone *entry, cause Cause) {
	r.Lock()
	defer r.Unlock()
	if r.live[gone.session] != gone || (cause == Unknown && r.phase == deleting) {
		return // Recorded when it was found to have expired; or no eviction.
	}
	if cause == Unknown && r.phase == writing {
		cause = Cap
	}
	r.record(gone, cause)
}

func (r *recorder) record(gone *entry, cause Cause) {
	if cause == Cap {
		r.CapEvictions++
	} else {
		r.TTLEvictions++
	}
	// A session's next operation is the first since its entry was last touched: else that would have found the entry.
	if r.comesBack[gone.row] == 1 {
		r.FalseEvictions++
		r.LostCounts += gone.count
	}
	delete(r.live, gone.session)
}

func (r *recorder) at(now phase) {
	r.Lock()
	r.phase = now
	r.Unlock()
}

func (r *recorder) increment(cache Cache[*entry], row int) {
	session := r.session[row]
	r.Increments++
	r.at(reading)
	cache.Update(r.Ids[session], func(kept *entry, found bool) *entry {
		r.Lock()
		defer r.Unlock()
		r.phase = writing
		if !found {
			// Expired, and its place taken without a word.
			if old := r.live[session]; old != nil {
				r.record(old, TTL)
			}
			kept = &entry{session: session}
			r.live[session] = kept
			r.Creates++
		}
		kept.count++
		kept.row = row
		return kept
	})
	r.at(idle)
}

func (r *recorder) delete(cache Cache[*entry], row int) {
	session := r.session[row]
	r.Deletes++
	r.at(deleting)
	found := cache.Delete(r.Ids[session])
	r.Lock()
	defer r.Unlock()
	r.phase = idle
	if found {
		r.DeletesHit++
		delete(r.live, session)
	}
}

// replayed gives the totals of a cache over a stream at its own instants of a fake clock. Each operation begins when the
// library's goroutines have done all that is due, and ends likewise. For the inside of a bubble of synctest.
func (r *recorder) replayed(open func(Settings[*entry]) Cache[*entry], s Settings[*entry]) (totals, error) {
	s.Evicted = r.evicted
	// A bubble's clock begins in 2000, before what phuslu/lru takes for the beginning of time.
	time.Sleep(time.Until(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	cache, begin := open(s), time.Now()
	for row, at := range r.time {
		time.Sleep(time.Until(begin.Add(time.Duration(at - r.time[0]))))
		synctest.Wait()
		if r.op[row] == 0 {
			r.increment(cache, row)
		} else {
			r.delete(cache, row)
		}
		synctest.Wait()
		r.PeakEntries = max(r.PeakEntries, len(r.live))
	}
	r.FinalEntries = len(r.live)
	for _, kept := range r.live {
		r.FinalCountSum += kept.count
	}
	balance := r.CapEvictions + r.TTLEvictions + r.DeletesHit + r.FinalEntries
	if kept := cache.Len(); kept != r.FinalEntries || balance != r.Creates {
		return r.totals, fmt.Errorf("the library holds %d entries, %d were recorded: %+v", kept, r.FinalEntries, r.totals)
	}
	return r.totals, nil
}

// TestReplay replays the stream that is named on the command line, and prints the totals as a line of JSON.
func TestReplay(t *testing.T) {
	if *streamFile == "" {
		return // One replay a process: simlib/calibration/peers.py and differences_test.go start them.
	}
	s, err := readStream(*streamFile)
	if err != nil {
		t.Fatal(err)
	}
	open, ok := Makers[*entry]()[*library]
	if !ok {
		t.Fatalf("unknown library %q", *library)
	}
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{stream: s, live: map[int32]*entry{}}
		found, err := r.replayed(open, Settings[*entry]{Cap: *entries, TTL: *ttl, Seed: *seed})
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(string(line))
		// Some goroutines of libraries never end, and a bubble waits for all of its own.
		os.Exit(0)
	})
}
