package peers

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The smallest streams on which the libraries differ from an exact LRU with a sliding TTL, and from each other. The rule
// `linked_list` of simlib/stores is what they are compared with: tests/calibration/test_peers.py has its answers.

// lifetime is the TTL of all streams here: cleaners that divide it by 100 wake once a second.
const lifetime = 100 * time.Second

type operation struct {
	at     time.Duration
	id     string
	delete bool
}

func up(at time.Duration, id string) operation   { return operation{at, id, false} }
func gone(at time.Duration, id string) operation { return operation{at, id, true} }

// written writes operations as a file that readStream reads.
func written(t *testing.T, rows []operation) string {
	t.Helper()
	s, numbers, next := stream{Rows: len(rows)}, map[string]int32{}, map[string]uint8{}
	s.time, s.session = make([]int64, s.Rows), make([]int32, s.Rows)
	s.op, s.comesBack = make([]uint8, s.Rows), make([]uint8, s.Rows)
	for row, each := range rows {
		if _, known := numbers[each.id]; !known {
			numbers[each.id] = int32(len(s.Ids))
			s.Ids = append(s.Ids, each.id)
		}
		s.time[row], s.session[row] = int64(each.at), numbers[each.id]
		if each.delete {
			s.op[row] = 1
		}
	}
	for row := s.Rows - 1; row >= 0; row-- {
		s.comesBack[row], next[rows[row].id] = next[rows[row].id], 1-s.op[row]
	}
	path := filepath.Join(t.TempDir(), "stream")
	file := must(os.Create(path))
	defer file.Close()
	fmt.Fprintf(file, "%s\n", must(json.Marshal(s)))
	for _, column := range []any{s.time, s.session, s.op, s.comesBack} {
		if err := binary.Write(file, binary.LittleEndian, column); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// output gives what a replay in a process of its own prints, and its error.
func output(t *testing.T, library string, cap int, rows []operation) ([]byte, error) {
	t.Helper()
	flags := []string{"-stream", written(t, rows), "-library", library, "-entries", fmt.Sprint(cap), "-ttl", lifetime.String()}
	return exec.Command(os.Args[0], append(flags, "-test.run", "^TestReplay$")...).CombinedOutput()
}

func replay(t *testing.T, library string, cap int, rows ...operation) totals {
	t.Helper()
	line, err := output(t, library, cap, rows)
	var found totals
	if err != nil || json.Unmarshal(line, &found) != nil {
		t.Fatalf("%s: %v: %s", library, err, line)
	}
	return found
}

func expect(t *testing.T, name string, found, right int) {
	t.Helper()
	if found != right {
		t.Errorf("%s: %d, not %d", name, found, right)
	}
}

func TestTTLCacheKeepsAnEntryForTheTTLToTheNanosecond(t *testing.T) {
	expect(t, "creates", replay(t, "ttlcache", 9, up(0, "a"), up(lifetime, "a")).Creates, 1)
	later := replay(t, "ttlcache", 9, up(0, "a"), up(lifetime+1, "a"))
	expect(t, "creates", later.Creates, 2)
	expect(t, "TTL evictions", later.TTLEvictions, 1)
	expect(t, "false evictions", later.FalseEvictions, 1)
}

// Its cleaner wakes at the very deadline, when nothing has expired yet, and again a microsecond later. What makes room in
// between is counted as the cap's.
func TestTTLCacheNamesTheCapWithinAMicrosecondOfTheDeadline(t *testing.T) {
	for delay, right := range map[time.Duration]totals{
		time.Nanosecond:       {CapEvictions: 1},
		999 * time.Nanosecond: {CapEvictions: 1},
		time.Microsecond:      {TTLEvictions: 1},
	} {
		found := replay(t, "ttlcache", 1, up(0, "a"), up(lifetime+delay, "b"))
		expect(t, fmt.Sprint("cap evictions after ", delay), found.CapEvictions, right.CapEvictions)
		expect(t, fmt.Sprint("TTL evictions after ", delay), found.TTLEvictions, right.TTLEvictions)
	}
}

// Its entries leave by themselves; those of a list leave at the next increment. A delete in between shows which.
func TestTTLCacheDropsAnEntryWithoutWaitingForAnIncrement(t *testing.T) {
	found := replay(t, "ttlcache", 9, up(0, "a"), up(0, "b"), gone(2*lifetime, "a"))
	expect(t, "deletes that found an entry", found.DeletesHit, 0)
	expect(t, "TTL evictions", found.TTLEvictions, 2)
	expect(t, "final entries", found.FinalEntries, 0)
}

func TestExpirableStartsItsTTLAtAWriteAndNotAtARead(t *testing.T) {
	rows := []operation{up(0, "a"), up(60*time.Second, "a"), up(120*time.Second, "a")}
	expect(t, "creates where the count is put back", replay(t, "expirable", 9, rows...).Creates, 1)
	found := replay(t, "expirable_read", 9, rows...)
	expect(t, "creates where a hit only reads", found.Creates, 2)
	expect(t, "counts lost", found.LostCounts, 2)
}

// A bucket of entries leaves when its newest has expired: up to a hundredth of the TTL late.
func TestExpirableDropsExpiredEntriesByTheBucket(t *testing.T) {
	rows := []operation{up(0, "a"), up(500*time.Millisecond, "b"), up(100*time.Second+200*time.Millisecond, "c")}
	expect(t, "peak of expirable", replay(t, "expirable", 9, rows...).PeakEntries, 3)
	expect(t, "peak of ttlcache", replay(t, "ttlcache", 9, rows...).PeakEntries, 2)
}

// W-TinyLFU compares a newcomer's frequency with that of the entry that would have to leave.
func TestOtterRefusesNewcomersWhereAnLRUTakesThem(t *testing.T) {
	const cap = 100
	var rows []operation
	at := time.Duration(0)
	for round := range 4 {
		for i := range cap {
			at += time.Millisecond
			rows = append(rows, up(at, fmt.Sprint("known", i)))
		}
		for i := range 2 * cap {
			if round == 2 {
				at += time.Millisecond
				rows = append(rows, up(at, fmt.Sprint("new", i)))
			}
		}
	}
	lru, otter := replay(t, "ttlcache", cap, rows...), replay(t, "otter", cap, rows...)
	expect(t, "creates of an LRU: a flood takes all places", lru.Creates, 4*cap)
	if otter.Creates > 3*cap+cap/4 {
		t.Errorf("otter let a flood take %d of %d known sessions' places", otter.Creates-3*cap, cap)
	}
	// Sessions that all live briefly: each is touched five times within a minute, 50 at a time.
	rows, at = nil, 0
	for i := range 2000 {
		for touch := range 5 {
			if born := i - 10*touch; born >= 0 {
				at += time.Millisecond
				rows = append(rows, up(at, fmt.Sprint("brief", born)))
			}
		}
	}
	lru, otter = replay(t, "ttlcache", cap, rows...), replay(t, "otter", cap, rows...)
	expect(t, "creates of an LRU that has room for those in use", lru.Creates, 2000)
	if otter.Creates <= lru.Creates+cap {
		t.Errorf("otter created %d entries under churn, an LRU %d", otter.Creates, lru.Creates)
	}
}

// The cap is divided among shards, and ids are not divided evenly: a shard is full before the store is.
func TestShardsEvictWhileThereIsRoom(t *testing.T) {
	const cap, ids = 2048, 2000
	var rows []operation
	for i := range ids {
		rows = append(rows, up(time.Duration(i), fmt.Sprint("session", i)))
	}
	for library, sharded := range map[string]bool{
		"phuslu": true, "freelru_sharded": true, "phuslu_1_shard": false, "freelru": false, "ttlcache": false,
	} {
		found := replay(t, library, cap, rows...)
		if (found.CapEvictions > 0) != sharded || (found.PeakEntries < ids) != sharded {
			t.Errorf("%s: %d evictions, %d entries at most", library, found.CapEvictions, found.PeakEntries)
		}
	}
}

// Its clock counts whole seconds, so that an entry may expire up to a second early.
func TestPhusluRoundsTheTTLToSeconds(t *testing.T) {
	rows := []operation{up(0, "first"), up(900*time.Millisecond, "a"), up(lifetime+150*time.Millisecond, "a")}
	expect(t, "creates of phuslu", replay(t, "phuslu_1_shard", 9, rows...).Creates, 3)
	expect(t, "creates of ttlcache", replay(t, "ttlcache", 9, rows...).Creates, 2)
}

func TestFreeLRUAndPhusluKeepExpiredEntriesUntilTheyAreReadOrTheOldest(t *testing.T) {
	rows := []operation{up(0, "a"), up(0, "b"), up(3*lifetime, "c"), gone(3*lifetime, "a")}
	for library, right := range map[string]totals{
		"freelru":        {DeletesHit: 1, FinalEntries: 2},
		"phuslu_1_shard": {DeletesHit: 1, FinalEntries: 2},
		"ttlcache":       {DeletesHit: 0, FinalEntries: 1},
	} {
		found := replay(t, library, 9, rows...)
		expect(t, library+": deletes that found an entry", found.DeletesHit, right.DeletesHit)
		expect(t, library+": final entries", found.FinalEntries, right.FinalEntries)
	}
}

// The cleaner of golang-fifo names the next bucket before it sleeps until the newest entry of this one has expired. What
// is written meanwhile goes into this bucket, and leaves with it.
func TestSieveWithATTLDropsEntriesJustWritten(t *testing.T) {
	found := replay(t, "sieve_ttl", 9,
		up(0, "first"), up(500*time.Millisecond, "a"), up(100*time.Second+200*time.Millisecond, "b"), up(100*time.Second+700*time.Millisecond, "b"))
	expect(t, "creates", found.Creates, 4)
	expect(t, "counts lost of a session seen half a second ago", found.LostCounts, 1)
}

// Nor does it move the hand off an entry that expires: the next eviction panics.
func TestSieveWithATTLPanicsWhereTheEntryUnderItsHandHasExpired(t *testing.T) {
	late := 100*time.Second + 600*time.Millisecond
	rows := []operation{
		up(0, "first"), gone(0, "first"), up(500*time.Millisecond, "a"), up(500*time.Millisecond, "b"), up(500*time.Millisecond, "c"),
		up(time.Second, "d"), up(late, "e"), up(late, "f"), up(late, "g"),
	}
	printed, err := output(t, "sieve_ttl", 3, rows)
	if err == nil || !strings.Contains(string(printed), "sieve: evicting non-existent element") {
		t.Errorf("no panic: %s", printed)
	}
}
