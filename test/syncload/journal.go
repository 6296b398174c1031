//go:build linux

package syncload

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	todov1 "example.com/todo-backend/gen/todo/v1"
)

// journal is what the writers of one user's todos know. A todo whose write is in doubt
// is in it no more.
type journal struct {
	user string

	mu           sync.Mutex
	alive        map[string]*todov1.Todo // What exists for certain, each as it was known last.
	trash        []*todov1.Todo          // What was deleted. It may be gone.
	acknowledged []change                // In the order of the answers.
	added        int                     // Todos that were created or restored.
	doubtful     int                     // Writes without an answer.
	isEnded      bool
	grown        chan struct{} // Closed when there is a further answer.
}

// change is an acknowledged change: the todo has changed at a time, or after it.
type change struct {
	id string
	at time.Time
}

func newJournal(user string) *journal {
	return &journal{user: user, alive: make(map[string]*todov1.Todo), grown: make(chan struct{})}
}

// add notes a todo that was created or restored.
func (j *journal) add(t *todov1.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.added++
	j.alive[t.GetId()] = t
	j.note(t.GetId(), t.GetUpdatedAt().AsTime())
}

// update notes that a todo was updated, which somebody may have taken meanwhile.
func (j *journal) update(t *todov1.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := t.GetUpdatedAt().AsTime()
	if is, found := j.alive[t.GetId()]; found && is.GetUpdatedAt().AsTime().Before(at) {
		j.alive[t.GetId()] = t
	}
	j.note(t.GetId(), at)
}

// putBack notes that a todo which was taken was not deleted.
func (j *journal) putBack(t *todov1.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.alive[t.GetId()] = t
}

// bin notes that a todo was deleted.
func (j *journal) bin(t *todov1.Todo, isPurged bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !isPurged {
		j.trash = append(j.trash, t)
	}
	j.note(t.GetId(), t.GetUpdatedAt().AsTime().Add(time.Microsecond))
}

// empty notes that the trash was emptied.
func (j *journal) empty() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.note("", time.Time{})
}

// doubt notes a write that may have taken effect.
func (j *journal) doubt() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.doubtful++
}

func (j *journal) note(id string, at time.Time) {
	j.acknowledged = append(j.acknowledged, change{id, at})
	close(j.grown)
	j.grown = make(chan struct{})
}

// look returns a todo that exists, nil for none.
func (j *journal) look() *todov1.Todo {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range j.alive { // In no order.
		return t
	}
	return nil
}

// take returns a todo that exists, for one that deletes it; nil for none.
func (j *journal) take() *todov1.Todo {
	j.mu.Lock()
	defer j.mu.Unlock()
	for id, t := range j.alive {
		delete(j.alive, id)
		return t
	}
	return nil
}

// takeTrash returns one of the last few todos that were deleted, nil for none.
func (j *journal) takeTrash() *todov1.Todo {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.trash) == 0 {
		return nil
	}
	last := len(j.trash) - 1
	place := last - rand.IntN(min(len(j.trash), 10))
	t := j.trash[place]
	j.trash[place] = j.trash[last]
	j.trash = j.trash[:last]
	return t
}

// count returns how many todos exist for certain.
func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.alive)
}

// since returns what was acknowledged after so many, and a channel that is closed when
// there is more, or the end.
func (j *journal) since(n int) (further []change, grown <-chan struct{}, isEnded bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.acknowledged[n:], j.grown, j.isEnded
}

// end notes that nothing will be written any more.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.isEnded = true
	close(j.grown)
	j.grown = make(chan struct{})
}

// compare returns which acknowledged todos the table lacks. It may have newer states: writes
// in doubt.
func (j *journal) compare(table map[string]State) (lost []string) {
	for id, alive := range j.alive {
		if is, found := table[id]; !found || is.deletedAt != 0 || is.updatedAt < alive.GetUpdatedAt().AsTime().UnixMicro() {
			lost = append(lost, fmt.Sprintf("acknowledged %v is lost: the table has %+v", alive, is))
		}
	}
	return lost
}
