package linkedlist

import (
	"fmt"
	"testing"
	"time"
)

func Example() {
	drops := New(2048, 30*time.Minute, nil)
	now := time.Now()
	drops.Increment("a", now)
	fmt.Println(drops.Increment("a", now.Add(time.Minute)))
	fmt.Println(drops.Increment("a", now.Add(2*time.Hour)))
	// Output:
	// 2
	// 1
}

// By hand, cap 2 and TTL 10 s; the times are in seconds.
func TestExpiredLeaveBeforeAnIncrementAndTheLeastRecentlyUsedAfterIt(t *testing.T) {
	var evicted []string
	s := New(2, 10*time.Second, func(id string, count int64, cause string) {
		evicted = append(evicted, fmt.Sprint(id, count, cause))
	})
	count := func(id string, second int64) int64 { return s.Increment(id, time.Unix(second, 0)) }
	count("b", 0)
	count("a", 0)
	count("", 0)   // Three entries: b was used first, though a comes first by id.
	count("a", 10) // Idle for just the TTL: nothing leaves.
	count("a", 11) // __missing__ leaves.
	count("a", 30) // Its own entry expired: the count begins anew.
	if got, want := fmt.Sprint(evicted), "[b1cap __missing__1ttl a3ttl]"; got != want {
		t.Errorf("evicted %s, want %s", got, want)
	}
	if got := fmt.Sprint(s.Delete("b"), s.Delete(""), s.Len(), s.Snapshot(), s.Delete("a"), s.Len()); got != "0 0 1 map[a:1] 1 0" {
		t.Error(got)
	}
}
