package main

import (
	"testing"
	"time"
)

func TestAChangeIsLateByThePollOrNotAtAll(t *testing.T) {
	t.Parallel()
	usual := fleet{processes: 4, users: 2000, devices: 1, isSticky: true, change: 10 * time.Second, poll: time.Millisecond}
	const length = 30 * time.Second
	sticky := usual.watch(newSimulation(1, "watchers"), length)
	if sticky.delay.quantile(1) != 0 || sticky.delay.below(1) != 1 {
		t.Errorf("where a user's streams meet the user's calls, one is late by %v", sticky.delay.quantile(1))
	}
	random := usual
	random.isSticky = false
	late := random.watch(newSimulation(1, "watchers"), length)
	if most := late.delay.quantile(1); most > 1150*time.Millisecond || most < time.Second {
		t.Errorf("the latest is late by %v, want the poll's interval and its jitter", most)
	}
	if atOnce := late.delay.below(1); atOnce < 0.2 || atOnce > 0.3 {
		t.Errorf("%v are woken at once, want a quarter: there are four processes", atOnce)
	}
	for name, w := range map[string]*watched{"by user": sticky, "at random": late} {
		if w.accounts < 1900 || w.accounts > 2050 || w.polls < 3.8 || w.polls > 4.1 {
			t.Errorf("%s: %v polls and %v accounts a second, want one for each process and for each user", name, w.polls, w.accounts)
		}
	}
}
