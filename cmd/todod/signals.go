package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilAsked returns a context that ends with the first SIGTERM, SIGINT, or SIGHUP,
// which a terminal sends when it is closed. A second SIGTERM or SIGINT ends the process
// at once.
func untilAsked() (context.Context, context.CancelFunc) {
	// The death of the reader of stdout or stderr must not end the process.
	signal.Ignore(syscall.SIGPIPE)
	hangup := context.Background()
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it.
		// Never released: some supervisors send it after SIGTERM.
		hangup, _ = signal.NotifyContext(hangup, syscall.SIGHUP)
	}
	asked, stop := signal.NotifyContext(hangup, os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // Signals have their default effect again.
		end()
	})
	return ctx, stop
}
