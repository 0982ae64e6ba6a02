package staleonly

import (
	"fmt"
	"testing"
	"time"
)

func Example() {
	drops := New(1, 30*time.Minute, nil)
	now := time.Now()
	drops.Increment("a", now)
	drops.Increment("b", now.Add(time.Minute))
	fmt.Println(drops.Len()) // Beyond the cap: both are in use.
	drops.Increment("b", now.Add(time.Hour))
	fmt.Println(drops.Len())
	// Output:
	// 2
	// 1
}

// By hand, cap 2 and TTL 10 s; the times are in seconds.
func TestTheStaleLeaveWhereTheCapNeedsTheirRoom(t *testing.T) {
	var evicted []string
	s := New(2, 10*time.Second, func(id string, count int64, cause string) {
		evicted = append(evicted, fmt.Sprint(id, count, cause))
	})
	count := func(id string, second int64) int64 { return s.Increment(id, time.Unix(second, 0)) }
	count("b", 0)
	count("a", 0)
	count("a", 20) // b is stale, but there is room.
	count("", 20)  // b leaves.
	count("c", 30) // a is idle for just the TTL: the store grows.
	count("c", 31) // a leaves, and with it the need for room: __missing__ is stale too, and stays.
	if got, want := fmt.Sprint(evicted), "[b1cap a2cap]"; got != want {
		t.Errorf("evicted %s, want %s", got, want)
	}
	if got := fmt.Sprint(s.Delete("a"), s.Delete(""), s.Len(), s.Snapshot(), s.Delete("c"), s.Len()); got != "0 0 2 map[__missing__:1 c:2] 2 1" {
		t.Error(got)
	}
}

func TestWithoutATTLNothingIsEverStale(t *testing.T) {
	s := New(1, 0, nil)
	s.Increment("a", time.Unix(0, 0))
	s.Increment("b", time.Unix(1e9, 0))
	if s.Len() != 2 {
		t.Errorf("%d entries, want 2", s.Len())
	}
}
