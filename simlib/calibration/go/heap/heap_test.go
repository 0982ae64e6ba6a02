package heap

import (
	"fmt"
	"testing"
	"time"
)

func Example() {
	drops := New(2048, 30*time.Minute, 256, nil)
	now := time.Now()
	drops.Increment("a", now)
	fmt.Println(drops.Increment("a", now.Add(time.Minute)))
	fmt.Println(drops.Snapshot())
	// Output:
	// 2
	// map[a:2]
}

// By hand, cap 2, TTL 10 s, a look for expired entries at every fourth increment; the times are in seconds.
func TestTheDecisionsAreThoseOfTheShippedStoreToTheLastTie(t *testing.T) {
	var evicted []string
	s := New(2, 10*time.Second, 4, func(id string, count int64, cause string) {
		evicted = append(evicted, fmt.Sprint(id, count, cause))
	})
	count := func(id string, second int64) int64 { return s.Increment(id, time.Unix(second, 0)) }
	count("b", 0)
	count("c", 0)
	count("", 0)   // The cap is exceeded: __missing__ is first by id.
	count("b", 30) // The fourth increment: c expired.
	count("c", 30)
	count("a", 30) // All were last seen now: a itself is the first by id.
	if got, want := fmt.Sprint(evicted), "[__missing__1cap c1ttl a1cap]"; got != want {
		t.Errorf("evicted %s, want %s", got, want)
	}
	if got := fmt.Sprint(s.Delete("a"), s.Delete(""), s.Len(), s.Snapshot(), s.Delete("b"), s.Len()); got != "0 0 2 map[b:2 c:1] 2 1" {
		t.Error(got)
	}
}
