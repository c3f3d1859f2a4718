package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// usage is what this process has used of the machine, all threads together.
type usage struct {
	cpu      time.Duration
	switches int64
}

func usageNow() usage {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return usage{time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Nvcsw + u.Nivcsw}
}

func (u usage) since(before usage) usage {
	return usage{u.cpu - before.cpu, u.switches - before.switches}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

func nanosEach(d time.Duration, events int) float64 {
	return float64(d.Nanoseconds()) / float64(events)
}

func perSecond(events int, d time.Duration) float64 {
	return float64(events) / d.Seconds()
}

func mean(times []time.Duration) time.Duration {
	total := time.Duration(0)
	for _, d := range times {
		total += d
	}
	return total / time.Duration(len(times))
}

// percentile is the nearest rank; times must be sorted.
func percentile(times []time.Duration, percent int) time.Duration {
	rank := (len(times)*percent + 99) / 100
	return times[max(rank, 1)-1]
}

// percentiles prints p50 and p99, both in microseconds.
func (r *report) percentiles(name string, times []time.Duration) {
	slices.Sort(times)
	r.line(name+"_p50", micros(percentile(times, 50)), "us")
	r.line(name+"_p99", micros(percentile(times, 99)), "us")
}

// besideHeartbeat runs tasks, each of which says how many calls it has made, beside a heartbeat.
func besideHeartbeat(r *report, tasks int, task func() int) {
	var over atomic.Bool
	beats := make(chan []time.Duration)
	go func() { beats <- heartbeat(&over) }()
	done := make(chan int, tasks)
	before, start := usageNow(), time.Now()
	for range tasks {
		go func() { done <- task() }()
	}
	calls := 0
	for range tasks {
		calls += <-done
	}
	elapsed, used := time.Since(start), usageNow().since(before)
	over.Store(true)
	late := <-beats
	r.line("calls_per_s", perSecond(calls, elapsed), "1/s")
	r.line("cpu_per_call", micros(used.cpu)/float64(calls), "us")
	r.percentiles("late", late)
	r.line("late_max", micros(late[len(late)-1]), "us")
	r.line("switches", float64(used.switches)/float64(calls), "switches")
}

// heartbeat sleeps 1 ms again and again until it is over; how much too late it woke each time.
func heartbeat(over *atomic.Bool) []time.Duration {
	const beat = time.Millisecond
	var late []time.Duration
	for !over.Load() {
		start := time.Now()
		time.Sleep(beat)
		late = append(late, max(time.Since(start)-beat, 0))
	}
	return late
}

// sleepInCall blocks in nanosleep(2): declared to the scheduler, or raw, without its knowledge.
func sleepInCall(d time.Duration, raw bool) {
	left := syscall.NsecToTimespec(d.Nanoseconds())
	for {
		err := nanosleep(&left, raw)
		if err == nil {
			return
		}
		// The scheduler's preemption signals interrupt sleeps; what is left is slept then.
		if err != syscall.EINTR {
			panic(err)
		}
	}
}

// random is xorshift64, with the same numbers as in Rust.
type random uint64

func newRandom(seed uint64) random {
	return random((seed + 1) * 0x9E3779B97F4A7C15)
}

func (r *random) below(end uint64) uint64 {
	*r ^= *r << 13
	*r ^= *r >> 7
	*r ^= *r << 17
	return uint64(*r>>11) % end
}

// spin is a fixed amount of computing, in rounds of one loop.
type spin int

// sink keeps the compiler from leaving the computing out.
var sink atomic.Uint64

// spinLasting finds the rounds that take d on this machine: the quickest of many trials counts.
func spinLasting(d time.Duration) spin {
	const trial = spin(100_000)
	quickest := time.Duration(1<<63 - 1)
	for range 50 {
		start := time.Now()
		trial.run()
		quickest = min(quickest, time.Since(start))
	}
	return spin(float64(trial) * d.Seconds() / quickest.Seconds())
}

func (s spin) run() {
	state := uint64(0x9E3779B97F4A7C15)
	for range int(s) {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
	}
	if state == 0 { // never: xorshift has no way to zero
		sink.Store(state)
	}
}

// residentBytes is the memory of this process that is in RAM.
func residentBytes() (int, error) {
	rollup, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(rollup)) {
		if rest, found := strings.CutPrefix(line, "Rss:"); found {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return kib * 1024, err
		}
	}
	return 0, fmt.Errorf("no Rss in /proc/self/smaps_rollup")
}

// rounds measures so many rounds after one that is not counted.
func (r *report) rounds(metric string, rounds, events int, round func()) {
	round()
	start := time.Now()
	for range rounds {
		round()
	}
	r.line(metric, nanosEach(time.Since(start), rounds*events), "ns")
}

// yield lets other goroutines run.
func yield() { runtime.Gosched() }
