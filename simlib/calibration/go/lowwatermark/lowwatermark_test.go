package lowwatermark

import (
	"fmt"
	"sort"
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

// By hand, with cap 8, TTL 10 s, a look for expired entries at every fourth increment; the times are in seconds.
func TestAFullStoreMakesRoomForAnEighthOfItsCap(t *testing.T) {
	var evicted []string
	s := New(8, 10*time.Second, 4, func(id string, count int64, cause string) {
		evicted = append(evicted, fmt.Sprint(id, count, cause))
	})
	count := func(id string, second int64) int64 { return s.Increment(id, time.Unix(second, 0)) }
	for i := range 8 {
		count(string(rune(104-i)), 0) // h down to a.
	}
	count("h", 5) // Nine increments, eight entries: the cap holds.
	count("", 5)  // The ninth entry: the two first by age, then id, leave, and seven are left.
	count("h", 12)
	count("h", 12)        // The twelfth increment is the third to look for expired entries: those last seen at 0.
	sort.Strings(evicted) // A map has no order.
	if got, want := fmt.Sprint(evicted), "[a1cap b1cap c1ttl d1ttl e1ttl f1ttl g1ttl]"; got != want {
		t.Errorf("evicted %s, want %s", got, want)
	}
	if got := fmt.Sprint(s.Delete("a"), s.Delete(""), s.Len(), s.Snapshot(), s.Delete("h"), s.Len()); got != "0 0 2 map[__missing__:1 h:4] 4 1" {
		t.Error(got)
	}
}
