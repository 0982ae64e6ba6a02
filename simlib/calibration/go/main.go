package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
)

// A request is one line of JSON on standard input, followed by the columns of its stream where it has one; the answer
// is one line of JSON on standard output.
type request struct {
	Command  string          `json:"command"`
	Design   string          `json:"design"`
	Settings settings        `json:"settings"`
	IDs      []string        `json:"ids"`
	Rows     int             `json:"rows"`
	List     bool            `json:"list"`
	Task     json.RawMessage `json:"task"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(from io.Reader, to io.Writer) error {
	in, out := bufio.NewReaderSize(from, 1<<16), json.NewEncoder(to)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		answer, err := answerTo(line, in)
		if err != nil {
			return err
		}
		if err := out.Encode(answer); err != nil {
			return err
		}
	}
}

func answerTo(line []byte, in io.Reader) (any, error) {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	switch asked.Command {
	case "version":
		return runtime.Version(), nil
	case "designs":
		return slices.Sorted(maps.Keys(designs)), nil
	case "ledger":
		s, err := readStream(asked, in)
		if err != nil {
			return nil, err
		}
		return account(asked.Design, asked.Settings, s, asked.List)
	case "stall":
		s, err := readStream(asked, in)
		if err != nil {
			return nil, err
		}
		return stall(asked.Settings, s), nil
	case "increments":
		var task incrementTask
		if err := json.Unmarshal(asked.Task, &task); err != nil {
			return nil, err
		}
		s, err := readStream(asked, in)
		if err != nil {
			return nil, err
		}
		return measureIncrements(asked.Design, asked.Settings, task, s)
	case "heap":
		var task heapTask
		if err := json.Unmarshal(asked.Task, &task); err != nil {
			return nil, err
		}
		return measureHeap(task)
	case "cost":
		var task costTask
		if err := json.Unmarshal(asked.Task, &task); err != nil {
			return nil, err
		}
		return measureCost(task), nil
	case "pressure":
		var task pressureTask
		if err := json.Unmarshal(asked.Task, &task); err != nil {
			return nil, err
		}
		return pressure(task, in)
	}
	return nil, fmt.Errorf("unknown command %q", asked.Command)
}

func readStream(asked request, in io.Reader) (*stream, error) {
	s := &stream{
		ids: asked.IDs, time: make([]int64, asked.Rows), session: make([]int32, asked.Rows), op: make([]uint8, asked.Rows),
	}
	for _, column := range []any{s.time, s.session, s.op} {
		if err := binary.Read(in, binary.LittleEndian, column); err != nil {
			return nil, err
		}
	}
	return s, nil
}
