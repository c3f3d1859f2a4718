package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	warmUp    = 100 * time.Millisecond
	measured  = 500 * time.Millisecond
	stormTime = 2 * time.Second
	calling   = time.Second
	chunk     = 256 // calls between two looks at the clock
	page      = 4 << 10
	pages     = (64 << 20) / page
)

// getppid asks the kernel, with or without a word to the scheduler.
func getppid(raw bool) uintptr {
	var parent uintptr
	if raw {
		parent, _, _ = syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	} else {
		parent, _, _ = syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
	return parent
}

func nanosleep(left *syscall.Timespec, raw bool) error {
	if !raw {
		return syscall.Nanosleep(left, left)
	}
	pointer := uintptr(unsafe.Pointer(left))
	_, _, errno := syscall.RawSyscall(syscall.SYS_NANOSLEEP, pointer, pointer, 0)
	runtime.KeepAlive(left)
	if errno != 0 {
		return errno
	}
	return nil
}

func syscallFast(r *report) error {
	alternate(warmUp, r.isRaw(), func() {})
	declared, raw := alternate(calling, r.isRaw(), func() {})
	r.line("ns_per_call", nanosEach(mean(declared), chunk), "ns")
	slices.Sort(declared)
	slices.Sort(raw)
	r.line("over_raw", nanosEach(percentile(declared, 50)-percentile(raw, 50), chunk), "ns")
	return nil
}

func syscallYield(r *report) error {
	alternate(warmUp, r.isRaw(), yield)
	declared, _ := alternate(calling, r.isRaw(), yield)
	r.line("ns_per_call", nanosEach(mean(declared), chunk), "ns")
	return nil
}

// alternate times chunks of calls and, in between, chunks of raw ones.
func alternate(d time.Duration, isRaw bool, afterEach func()) (declared, raw []time.Duration) {
	parent := uintptr(os.Getppid())
	for start := time.Now(); time.Since(start) < d; {
		before := time.Now()
		calls(parent, isRaw, afterEach)
		between := time.Now()
		calls(parent, true, func() {})
		declared = append(declared, between.Sub(before))
		raw = append(raw, time.Since(between))
	}
	return declared, raw
}

func calls(parent uintptr, isRaw bool, afterEach func()) {
	for range chunk {
		if getppid(isRaw) != parent {
			panic("getppid(2) has given another process")
		}
		afterEach()
	}
}

// dataDirectory is the one of the Rust program, which is one above this program's own.
func dataDirectory() (string, error) {
	if directory := os.Getenv("HANDOVER_BENCH_DATA"); directory != "" {
		return directory, nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Join(filepath.Dir(filepath.Dir(program)), "handover-benches-data"), nil
}

func openPages() (*os.File, error) {
	directory, err := dataDirectory()
	if err != nil {
		return nil, err
	}
	return os.Open(filepath.Join(directory, "pages"))
}

func preads(r *report, tasks int) error {
	file, err := openPages()
	if err != nil {
		return err
	}
	defer file.Close()
	// Once through, so that the file is in the page cache even where the kernel takes cold pages away.
	if _, err := io.Copy(io.Discard, file); err != nil {
		return err
	}
	timeReads(file, tasks, warmUp)
	r.line("ns_per_op", timeReads(file, tasks, measured), "ns")
	return nil
}

func timeReads(file *os.File, tasks int, d time.Duration) float64 {
	done := make(chan int, tasks)
	start := time.Now()
	for seed := range tasks {
		go func() { done <- readPages(file, uint64(seed), d) }()
	}
	reads := 0
	for range tasks {
		reads += <-done
	}
	return nanosEach(time.Since(start), reads)
}

func readPages(file *os.File, seed uint64, d time.Duration) int {
	const chunk = 64
	random, buffer := newRandom(seed), make([]byte, page)
	reads, start := 0, time.Now()
	for time.Since(start) < d {
		for range chunk {
			number := random.below(pages)
			if _, err := file.ReadAt(buffer, int64(number*page)); err != nil {
				panic(err)
			}
			if binary.LittleEndian.Uint64(buffer) != number {
				panic("another page has been read")
			}
		}
		reads += chunk
	}
	return reads
}

func readSequentially(r *report, bytesPerRead int) error {
	const passes = 4
	if _, err := readAll(bytesPerRead); err != nil {
		return err
	}
	total, start := 0, time.Now()
	for range passes {
		count, err := readAll(bytesPerRead)
		if err != nil {
			return err
		}
		total += count
	}
	r.line("throughput", float64(total)/1e6/time.Since(start).Seconds(), "MB/s")
	return nil
}

func readAll(bytesPerRead int) (int, error) {
	file, err := openPages()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	buffer, position := make([]byte, bytesPerRead), 0
	for {
		count, err := file.Read(buffer)
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, err
		}
		if position%page == 0 && count >= page && binary.LittleEndian.Uint64(buffer) != uint64(position/page) {
			return 0, fmt.Errorf("another page has been read at %d", position)
		}
		position += count
	}
	if position != pages*page {
		return 0, fmt.Errorf("the file has been read short: %d bytes", position)
	}
	return position, nil
}

func handoff(r *report) error {
	const bursts, gap = 60, 30 * time.Millisecond
	var late, times []time.Duration
	for range bursts {
		time.Sleep(gap)
		start := time.Now()
		late = append(late, burst()...)
		times = append(times, time.Since(start))
	}
	r.percentiles("probe", late)
	slices.Sort(times)
	r.line("burst_p50", millis(percentile(times, 50)), "ms")
	return nil
}

// burst starts the callers, then, at once, the probes, and waits for all; how late the probes ran.
func burst() []time.Duration {
	const callers, probes, call = 8, 8, 10 * time.Millisecond
	called := make(chan struct{}, callers)
	for range callers {
		go func() {
			sleepInCall(call, false)
			called <- struct{}{}
		}()
	}
	probed := make(chan time.Duration, probes)
	for range probes {
		submitted := time.Now()
		go func() { probed <- time.Since(submitted) }()
	}
	var late []time.Duration
	for range probes {
		late = append(late, <-probed)
	}
	for range callers {
		<-called
	}
	return late
}

func storm(r *report) error {
	const calls = 10
	besideHeartbeat(r, 256, func() int {
		for range calls {
			sleepInCall(50*time.Millisecond, false)
		}
		return calls
	})
	return nil
}

func stormShort(r *report) error {
	besideHeartbeat(r, 64, func() int { return shortCalls(stormTime) })
	return nil
}

// shortCalls makes calls of 1 ms for d; how many.
func shortCalls(d time.Duration) int {
	calls, start := 0, time.Now()
	for time.Since(start) < d {
		sleepInCall(time.Millisecond, false)
		calls++
	}
	return calls
}

func mixed(r *report, computing time.Duration) error {
	work := spinLasting(computing * time.Microsecond)
	besideHeartbeat(r, 64, func() int {
		calls, start := 0, time.Now()
		for time.Since(start) < stormTime {
			sleepInCall(time.Millisecond, false)
			calls++
			yield()
			work.run()
			yield()
		}
		return calls
	})
	return nil
}

func undeclared(r *report) error {
	besideHeartbeat(r, 8, func() int {
		calls, start := 0, time.Now()
		for time.Since(start) < stormTime {
			sleepInCall(30*time.Millisecond, r.isRaw())
			calls++
			yield()
		}
		return calls
	})
	return nil
}

func fsyncWal(r *report) error {
	const tasks = 32
	data, err := dataDirectory()
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp(data, "wal-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(directory)
	var logs []*os.File
	for index := range tasks {
		log, err := os.Create(filepath.Join(directory, strconv.Itoa(index)))
		if err != nil {
			return err
		}
		defer log.Close()
		logs = append(logs, log)
	}
	done := make(chan int, tasks)
	before, start := usageNow(), time.Now()
	for _, log := range logs {
		go func() { done <- writeLog(log) }()
	}
	records := 0
	for range tasks {
		records += <-done
	}
	elapsed, used := time.Since(start), usageNow().since(before)
	r.line("ops_per_s", perSecond(records, elapsed), "1/s")
	r.line("cpu_per_call", micros(used.cpu)/float64(records), "us")
	r.line("switches", float64(used.switches)/float64(records), "switches")
	return nil
}

// writeLog appends and syncs records until the time is over; how many.
func writeLog(log *os.File) int {
	record, records, start := make([]byte, 4096), 0, time.Now()
	for time.Since(start) < stormTime {
		if _, err := log.Write(record); err != nil {
			panic(err)
		}
		if err := syscall.Fdatasync(int(log.Fd())); err != nil {
			panic(err)
		}
		records++
	}
	return records
}
