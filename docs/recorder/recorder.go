// Package recorder writes the operations on a map as a log that simlib reads. It never makes the service wait.
package recorder

import (
	"encoding/csv"
	"io"
	"strconv"
	"sync/atomic"
	"time"
)

const room = 1 << 13

type operation struct {
	at          time.Time
	session, op string
}

// Recorder queues operations for one goroutine that writes them.
type Recorder struct {
	queue   chan operation
	done    chan struct{}
	Dropped atomic.Int64 // operations left out as the queue was full: 0 for a log that can be trusted
}

// New starts a recorder; Close ends it.
func New(w io.Writer) *Recorder {
	r := &Recorder{queue: make(chan operation, room), done: make(chan struct{})}
	go r.write(csv.NewWriter(w))
	return r
}

// Record queues an "increment" or a "delete". A full queue costs the operation, not the caller.
func (r *Recorder) Record(session, op string) {
	select {
	case r.queue <- operation{time.Now(), session, op}:
	default:
		r.Dropped.Add(1)
	}
}

func (r *Recorder) write(out *csv.Writer) {
	defer close(r.done)
	out.Write([]string{"time", "session", "op"})
	for each := range r.queue {
		out.Write([]string{strconv.FormatInt(each.at.UnixNano(), 10), each.session, each.op})
		if len(r.queue) == 0 {
			out.Flush()
		}
	}
	out.Flush()
}

// Close writes what is queued. Record must not be called after it.
func (r *Recorder) Close() {
	close(r.queue)
	<-r.done
}
