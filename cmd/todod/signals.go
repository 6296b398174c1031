package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilAsked returns a context that ends when the process is asked to end: by
// SIGTERM, by SIGINT, or by SIGHUP, which a terminal sends when it is closed. A
// second SIGTERM or SIGINT ends the process at once.
func untilAsked() (context.Context, context.CancelFunc) {
	// The reader of stdout or stderr may die: that alone is no reason to.
	signal.Ignore(syscall.SIGPIPE)
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, end := context.WithCancel(context.Background())
	context.AfterFunc(asked, func() {
		stop() // From here on they have their usual effect.
		end()
	})
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, stop // nohup wants it so.
	}
	// Apart from the others: some supervisors send SIGHUP after SIGTERM.
	hangup, _ := signal.NotifyContext(ctx, syscall.SIGHUP)
	return hangup, stop
}
