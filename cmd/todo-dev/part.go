package main

import (
	"errors"
	"slices"
)

// part is one of the things that run.
type part interface {
	// wait returns when the part has ended, with an error that says that it
	// did so by itself, as if nobody had stopped it.
	wait() error

	// stop ends the part.
	stop() error
}

// parts are what runs. Each needs those before it: they start in this order
// and stop in the reverse one.
type parts struct {
	running []part
	ended   chan error // Gets what the first part to end says. Its capacity is 1.
}

// newParts returns parts none of which run yet.
func newParts() *parts { return &parts{ended: make(chan error, 1)} }

// add takes charge of a part that has started.
func (p *parts) add(started part) {
	p.running = append(p.running, started)
	go func() {
		err := started.wait()
		select {
		case p.ended <- err:
		default: // Another one ended before.
		}
	}()
}

// stop ends every part, each after those that need it.
func (p *parts) stop() error {
	var errs []error
	for _, running := range slices.Backward(p.running) {
		errs = append(errs, running.stop())
	}
	return errors.Join(errs...)
}
