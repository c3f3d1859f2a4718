// Measures Go by the workloads of handover-benches.
//
// It is started as that program starts itself: `--child WORKLOAD RUNTIME PROCESSORS SIZE`, and prints the same lines. What
// a workload does is said in benches/src/workloads; here it is said once more, in Go's own words.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
)

// workloads by name. Each measures and prints; a server or an idle process does not return.
var workloads = map[string]func(*report) error{
	"syscall_fast":      syscallFast,
	"syscall_yield":     syscallYield,
	"pread_4k_1":        func(r *report) error { return preads(r, 1) },
	"pread_4k_8":        func(r *report) error { return preads(r, 8) },
	"file_read_seq_8k":  func(r *report) error { return readSequentially(r, 8<<10) },
	"file_read_seq_64k": func(r *report) error { return readSequentially(r, 64<<10) },
	"handoff":           handoff,
	"storm":             storm,
	"storm_short":       stormShort,
	"mix20":             func(r *report) error { return mixed(r, 20) },
	"mix100":            func(r *report) error { return mixed(r, 100) },
	"undeclared":        undeclared,
	"fsync_wal":         fsyncWal,
	"spawn_many":        spawnMany,
	"spawn_wait":        spawnWait,
	"spawn_remote":      spawnRemote,
	"yield_many":        yieldMany,
	"ping_pong":         pingPong,
	"chained_spawn":     chainedSpawn,
	"mpsc":              mpsc,
	"tcp_echo_64":       serveEcho,
	"tcp_echo_512":      serveEcho,
	"mixed":             serveEchoBesideCalls,
	"http":              serveHTTP,
	"timers":            timers,
	"sleep_1ms":         sleep1ms,
	"mem_task":          memTask,
	"idle":              idle,
	"idle_timer":        idleTimer,
	"ticker":            ticker,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "handover-benches-go:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 5 || arguments[0] != "--child" {
		return fmt.Errorf("usage: --child WORKLOAD RUNTIME PROCESSORS SIZE, not %q", arguments)
	}
	name, variant := arguments[1], arguments[2]
	workload, known := workloads[name]
	if !known || (variant != "go" && variant != "go-raw") {
		return fmt.Errorf("%s takes no part in %s", variant, name)
	}
	processors, err := strconv.Atoi(arguments[3])
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(arguments[4])
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(processors)
	return workload(&report{name, variant, size})
}

// report prints what a workload has measured.
type report struct {
	workload, runtime string
	// size says how many tasks, sleeps or connections, for a workload that lets others say so.
	size int
}

// line prints a value in the unit of its metric.
func (r *report) line(metric string, value float64, unit string) {
	fmt.Printf("%s %s %s %.3f %s\n", r.workload, r.runtime, metric, value, unit)
}

// isRaw says whether calls are made without a word to the scheduler.
func (r *report) isRaw() bool {
	return r.runtime == "go-raw"
}

// ready tells the parent that this process can be watched, or asked at address, and ends it with its parent.
func ready(address string) {
	fmt.Println("ready", address)
	go func() {
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}()
}
