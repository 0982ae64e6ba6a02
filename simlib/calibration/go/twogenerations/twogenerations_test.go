package twogenerations

import (
	"fmt"
	"sort"
	"testing"
	"time"
)

func Example() {
	drops := New(2048, 30*time.Minute, nil)
	now := time.Now()
	drops.Increment("a", now)
	fmt.Println(drops.Increment("a", now.Add(20*time.Minute)))
	fmt.Println(drops.Increment("a", now.Add(2*time.Hour)))
	// Output:
	// 2
	// 1
}

// By hand, cap 4 (two a generation) and TTL 10 s (five a generation); the times are in seconds.
func TestAGenerationLeavesAsAWhole(t *testing.T) {
	var evicted []string
	s := New(4, 10*time.Second, func(id string, count int64, cause string) {
		evicted = append(evicted, fmt.Sprint(id, count, cause))
	})
	count := func(id string, second int64, want string) {
		t.Helper()
		evicted = nil
		s.Increment(id, time.Unix(second, 0))
		sort.Strings(evicted) // A map has no order.
		if got := fmt.Sprint(evicted, s.previous, s.current); got != want {
			t.Errorf("%s at %d: %s, want %s", id, second, got, want)
		}
	}
	count("a", 0, "[] map[] map[a:1]")
	count("b", 1, "[] map[] map[a:1 b:1]")
	count("c", 2, "[] map[a:1 b:1] map[c:1]") // Current is full; there is nothing before it to leave.
	count("b", 3, "[] map[a:1] map[b:2 c:1]")
	count("a", 4, "[] map[b:2 c:1] map[a:2]") // Taken out first, so it does not leave.
	count("", 4, "[] map[b:2 c:1] map[__missing__:1 a:2]")
	count("d", 4, "[b2cap c1cap] map[__missing__:1 a:2] map[d:1]")
	count("d", 9, "[] map[__missing__:1 a:2] map[d:2]") // Just half the TTL.
	count("a", 10, "[__missing__1ttl a2ttl] map[d:2] map[a:1]")
	count("e", 20, "[d2ttl] map[a:1] map[e:1]") // Just the TTL.
	count("e", 31, "[a1ttl e1ttl] map[] map[e:1]")
	count("f", 31, "[] map[] map[e:1 f:1]")
	count("g", 31, "[] map[e:1 f:1] map[g:1]")
	if got := fmt.Sprint(s.Delete("a"), s.Delete(""), s.Len(), s.Snapshot(), s.Delete("e"), s.Delete("g"), s.Len()); got != "0 0 3 map[e:1 f:1 g:1] 1 1 1" {
		t.Error(got)
	}
}

func TestABoundOfNothingIsNone(t *testing.T) {
	s := New(0, 0, nil)
	for second := range int64(100) {
		s.Increment(fmt.Sprint(second), time.Unix(1e6*second, 0))
	}
	if s.Len() != 100 {
		t.Errorf("%d entries, want 100", s.Len())
	}
}
