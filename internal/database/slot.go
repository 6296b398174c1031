package database

import (
	"context"
	"time"
)

// slot is one of a lane's, taken by a statement that runs by itself or by a batch. The
// lane guards it.
type slot struct {
	calls  []*call                 // One that nobody waits for, when it runs by itself.
	cancel context.CancelCauseFunc // Ends the batch; nil for a statement by itself.
	timer  *time.Timer             // Until it is late.

	connected bool                               // The batch has its connection.
	over      bool                               // It is not taken any more.
	leave     func(isSlow bool, ended time.Time) // Of the owner's cooldown; nil without.
}

// take takes a slot.
func (l *lane) take(calls []*call, cancel context.CancelCauseFunc) *slot {
	l.taken++
	t := &slot{calls: calls, cancel: cancel}
	for _, c := range calls {
		if c.writes() {
			l.busy[c.Owner]++
		}
	}
	t.timer = time.AfterFunc(l.bounds.Batch, func() { l.late(t) })
	return t
}

// free gives a slot back, and lets those go on who wait for one.
func (l *lane) free(t *slot) {
	if !t.over {
		t.over = true
		t.timer.Stop()
		l.taken--
		for _, c := range t.calls {
			if l.busy[c.Owner]--; l.busy[c.Owner] <= 0 {
				delete(l.busy, c.Owner)
			}
		}
	}
	l.dispatch() // Also when it was late: its calls may wait again.
}

// leave gives back the slot of a statement that has run by itself.
func (l *lane) leave(t *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.leave != nil {
		t.leave(true, time.Now())
	}
	l.free(t)
}

// connected gives a batch its time from when it has its connection: until then it
// holds no locks.
func (l *lane) connected(t *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.over {
		t.connected = true
		t.timer.Reset(l.bounds.Batch)
	}
}

// late ends the wait of others for a slot.
func (l *lane) late(t *slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.over {
		return
	}
	now, owner := time.Now(), t.calls[0].Owner
	switch {
	case t.cancel != nil:
		t.cancel(errLate)
		if t.connected {
			l.cooldowns.allUntil = now.Add(cooldown)
		}
		l.dismiss(func(*call) bool { return true }) // They would wait in vain, too.
	case owner != "":
		l.cool(owner, now)
		t.leave = l.cooldowns.enter(owner)
	}
	l.free(t)
}
