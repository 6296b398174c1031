package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilAsked returns a context that ends when the process is asked to end: by
// SIGTERM, by SIGINT, or by SIGHUP, which a terminal sends when it is closed.
// From then on, SIGTERM and SIGINT end the process at once.
func untilAsked() (context.Context, context.CancelFunc) {
	// The reader of stdout or stderr may die: that alone is no reason to.
	signal.Ignore(syscall.SIGPIPE)
	hangup := context.Background()
	if !signal.Ignored(syscall.SIGHUP) { // As nohup wants it.
		// Caught to the end: some supervisors send it after SIGTERM.
		hangup, _ = signal.NotifyContext(hangup, syscall.SIGHUP)
	}
	asked, stop := signal.NotifyContext(hangup, os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // They have their usual effect again.
		end()
	})
	return ctx, stop
}
