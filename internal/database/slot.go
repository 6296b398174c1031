package database

import (
	"context"
	"time"
)

// slot is one of a lane's, taken by a batch. The lane guards it.
type slot struct {
	calls  []*call
	ctx    context.Context //nolint:containedctx // The batch's own, which ends when the batch does.
	cancel context.CancelCauseFunc
	timer  *time.Timer // Until the batch's age changes.
	age    age
}

// age is how far a batch has come.
type age int

const (
	young age = iota // Within its pace.
	old              // Others may be sent beside it.
	late             // It is being canceled.
	ended
)

// take takes a slot for calls, which end with a context.
func (l *lane) take(ctx context.Context, calls []*call) *slot {
	l.taken++
	l.young++
	t := &slot{calls: calls}
	if l.observer != nil {
		l.number(calls)
	}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	for _, c := range calls {
		if c.writes() {
			l.busy[c.Owner]++
		}
	}
	t.timer = time.AfterFunc(l.bounds.BatchPace, func() { l.grow(t) })
	return t
}

// number gives the calls of a batch its number.
func (l *lane) number(calls []*call) {
	l.batches++
	batch := BatchReference{Number: l.batches, Lane: l.name, Size: len(calls), Sent: time.Now()}
	for _, c := range calls {
		c.batch = batch
	}
}

// free gives a slot back when its batch has ended, and lets those go on who wait for
// one.
func (l *lane) free(t *slot) {
	t.timer.Stop()
	t.cancel(nil)
	switch t.age {
	case young:
		l.young--
	case late:
		l.late--
	case old, ended:
	}
	t.age = ended
	l.taken--
	for _, c := range t.calls {
		if l.busy[c.Owner]--; l.busy[c.Owner] <= 0 {
			delete(l.busy, c.Owner)
		}
	}
	l.dispatch()
}

// grow lets others be sent beside a batch, and ends one that takes too long.
func (l *lane) grow(t *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch t.age {
	case young:
		t.age = old
		l.young--
		t.timer.Reset(l.bounds.Batch - l.bounds.BatchPace)
		l.dispatch()
	case old:
		t.age = late
		l.late++
		l.giveUp(t)
	case late, ended: // Just now.
	}
}

// giveUp ends a batch that takes too long. Who waits does not wait for its end.
func (l *lane) giveUp(t *slot) {
	t.cancel(errLate)
	now := time.Now()
	if first := t.calls[0]; len(t.calls) == 1 && first.writes() {
		l.cool(first.Owner, now) // A lock on the owner's row, most often.
	} else {
		l.cooldowns.allUntil = now.Add(cooldown)
	}
	l.dismiss(func(*call) bool { return true })
}
