package main

import (
	"runtime"
	"runtime/debug"
	"time"
)

func lockThread() { runtime.LockOSThread() }

func timers(r *report) error {
	const longest = 1_000_000
	sleeps := r.size
	late, random, c := make([]time.Duration, sleeps), newRandom(0), newCountdown()
	c.start(sleeps)
	before := usageNow()
	for index := range sleeps {
		d := time.Duration(random.below(longest)) * time.Microsecond
		go func() {
			late[index] = lateness(d)
			c.countOff()
		}()
	}
	<-c.over
	used := usageNow().since(before)
	r.line("cpu", millis(used.cpu), "ms")
	r.line("cpu_per_sleep", micros(used.cpu)/float64(sleeps), "us")
	r.percentiles("late", late)
	return nil
}

// lateness sleeps for d; how much longer it took.
func lateness(d time.Duration) time.Duration {
	start := time.Now()
	time.Sleep(d)
	late := time.Since(start) - d
	if late < 0 {
		panic("a sleep has ended early")
	}
	return late
}

func sleep1ms(r *report) error {
	late := make([]time.Duration, 2_000)
	for index := range late {
		late[index] = lateness(time.Millisecond)
	}
	r.percentiles("late", late)
	return nil
}

func ticker(r *report) error {
	before := usageNow()
	for range 500 {
		time.Sleep(10 * time.Millisecond)
	}
	used := usageNow().since(before)
	r.line("cpu", millis(used.cpu), "ms")
	r.line("switches", float64(used.switches), "switches")
	return nil
}

func memTask(r *report) error {
	c := newCountdown()
	c.start(r.size)
	debug.FreeOSMemory()
	before, err := residentBytes()
	if err != nil {
		return err
	}
	release := gather(r.size, c.countOff)
	after, err := residentBytes()
	if err != nil {
		return err
	}
	release()
	<-c.over
	r.line("bytes_per_task", float64(after-before)/float64(r.size), "B")
	return nil
}

func idle(*report) error {
	warmIdle()
	ready("")
	select {}
}

func idleTimer(*report) error {
	warmIdle()
	ready("")
	time.Sleep(time.Hour)
	return nil
}

// warmIdle uses everything once.
func warmIdle() {
	c := newCountdown()
	c.start(100)
	for range 100 {
		go func() {
			time.Sleep(time.Millisecond)
			getppid(false)
			c.countOff()
		}()
	}
	<-c.over
}
