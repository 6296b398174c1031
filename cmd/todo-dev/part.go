package main

import (
	"errors"
	"slices"
)

// part is a running part of the stack.
type part interface {
	// wait returns when the part has ended. Its error says that the part ended by
	// itself, even when stop was called.
	wait() error

	// stop ends the part.
	stop() error
}

// parts are the running parts. Each needs those before it, so they start in this order
// and stop in the reverse order.
type parts struct {
	running []part
	ended   chan error // Gets the error of the first part that ends. Its capacity is 1.
}

// newParts returns an empty parts.
func newParts() *parts { return &parts{ended: make(chan error, 1)} }

// add adds a started part.
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

// stop ends every part, each after the parts that need it.
func (p *parts) stop() error {
	var errs []error
	for _, running := range slices.Backward(p.running) {
		errs = append(errs, running.stop())
	}
	return errors.Join(errs...)
}
