package recorder

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestWritesEveryOperationOfManyGoroutines(t *testing.T) {
	var written bytes.Buffer
	r := New(&written)
	var all sync.WaitGroup
	for caller := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range 100 {
				r.Record(fmt.Sprintf("session, %d-%d", caller, n), "increment")
			}
		}()
	}
	all.Wait()
	r.Record("session, 0-0", "delete")
	r.Close()
	lines := strings.Split(strings.TrimSpace(written.String()), "\n")
	if lines[0] != "time,session,op" || len(lines) != 802 || r.Dropped.Load() != 0 {
		t.Fatalf("%d lines, %d dropped, first %q", len(lines), r.Dropped.Load(), lines[0])
	}
	if !strings.HasSuffix(lines[801], `,"session, 0-0",delete`) {
		t.Fatalf("last line %q", lines[801])
	}
	if path := os.Getenv("RECORDED"); path != "" {
		if err := os.WriteFile(path, written.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDropsRatherThanWaits(t *testing.T) {
	blocked, open := io.Pipe()
	r := New(open)
	for range 3 * room {
		r.Record(strings.Repeat("s", 100), "increment")
	}
	if r.Dropped.Load() == 0 {
		t.Fatal("nothing was dropped although nobody reads")
	}
	go io.Copy(io.Discard, blocked)
	r.Close()
}

func BenchmarkRecord(b *testing.B) {
	r := New(io.Discard)
	for range b.N {
		r.Record("0123456789abcdef0123456789abcdef01234", "increment")
	}
	b.ReportMetric(float64(r.Dropped.Load())/float64(b.N), "dropped/op")
	r.Close()
}
