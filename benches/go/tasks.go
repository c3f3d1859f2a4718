package main

import (
	"sync/atomic"
	"time"
)

const (
	batch   = 10_000
	batches = 20
)

// countdown lets goroutines count themselves off; the last one signals.
type countdown struct {
	left atomic.Int64
	over chan struct{}
}

func newCountdown() *countdown {
	return &countdown{over: make(chan struct{}, 1)}
}

func (c *countdown) start(tasks int) { c.left.Store(int64(tasks)) }

func (c *countdown) countOff() {
	if c.left.Add(-1) == 0 {
		c.over <- struct{}{}
	}
}

func (c *countdown) spawn(tasks int) {
	c.start(tasks)
	for range tasks {
		go c.countOff()
	}
	<-c.over
}

func spawnMany(r *report) error {
	c := newCountdown()
	r.rounds("ns_per_task", batches, batch, func() { c.spawn(batch) })
	return nil
}

func spawnWait(r *report) error {
	c := newCountdown()
	r.rounds("ns_per_task", max(600_000/r.size, 3), r.size, func() { c.spawn(r.size) })
	return nil
}

// spawnRemote: Go has no outside; a goroutine locked to a thread of its own comes nearest.
func spawnRemote(r *report) error {
	elapsed := make(chan time.Duration)
	go func() {
		lockThread()
		c := newCountdown()
		c.spawn(batch)
		start := time.Now()
		for range batches {
			c.spawn(batch)
		}
		elapsed <- time.Since(start)
	}()
	r.line("ns_per_task", nanosEach(<-elapsed, batch*batches), "ns")
	return nil
}

func yieldMany(r *report) error {
	yields := max(200_000/r.size, 10)
	rounds := max(2_000_000/(r.size*yields), 1)
	c, elapsed := newCountdown(), time.Duration(0)
	for round := range rounds + 1 {
		c.start(r.size)
		release := gather(r.size, func() {
			for range yields {
				yield()
			}
			c.countOff()
		})
		start := time.Now()
		release()
		<-c.over
		if round > 0 { // the first round warms up
			elapsed += time.Since(start)
		}
	}
	r.line("ns_per_yield", nanosEach(elapsed, rounds*r.size*yields), "ns")
	return nil
}

// gather returns when so many goroutines all wait on one channel; they go on with task when they are released.
func gather(tasks int, task func()) (release func()) {
	const atOnce = 100
	gate, waiting := make(chan struct{}), make(chan struct{}, atOnce)
	for left := tasks; left > 0; left -= atOnce {
		for range min(left, atOnce) {
			go func() {
				waiting <- struct{}{}
				<-gate
				task()
			}()
		}
		for range min(left, atOnce) {
			<-waiting
		}
	}
	return func() { close(gate) }
}

func pingPong(r *report) error {
	const pairs = 1_000
	c := newCountdown()
	r.rounds("ns_per_pair", 100, pairs, func() {
		c.start(pairs)
		for range pairs {
			go ping(c)
		}
		<-c.over
	})
	return nil
}

func ping(c *countdown) {
	ping, pong := make(chan struct{}, 1), make(chan struct{}, 1)
	go func() {
		<-ping
		pong <- struct{}{}
	}()
	ping <- struct{}{}
	<-pong
	c.countOff()
}

func chainedSpawn(r *report) error {
	const depth = 1_000
	c := newCountdown()
	r.rounds("ns_per_task", 200, depth, func() {
		c.start(1)
		go spawnNext(c, depth-1)
		<-c.over
	})
	return nil
}

func spawnNext(c *countdown, left int) {
	if left == 0 {
		c.countOff()
		return
	}
	go spawnNext(c, left-1)
}

func mpsc(r *report) error {
	const producers, messages, capacity = 5, 100_000, 100
	channel, left, sum := make(chan uint64, capacity), newCountdown(), make(chan uint64)
	left.start(producers)
	start := time.Now()
	for range producers {
		go func() {
			for message := range uint64(messages) {
				channel <- message
			}
			left.countOff()
		}()
	}
	go func() {
		<-left.over
		close(channel)
	}()
	go func() {
		total := uint64(0)
		for message := range channel {
			total += message
		}
		sum <- total
	}()
	total := <-sum
	elapsed := time.Since(start)
	if total != producers*messages*(messages-1)/2 {
		panic("messages are missing")
	}
	r.line("ns_per_msg", nanosEach(elapsed, producers*messages), "ns")
	return nil
}
