package postgres_test

import (
	"math/rand/v2"
	"sync"

	"example.com/todo-backend/internal/todo"
)

// journal is what one user's writers know.
type journal struct {
	owner todo.UserID

	mu           sync.Mutex
	alive        []todo.Todo // What exists for certain, each as it was known last.
	places       map[todo.ID]int
	trash        []todo.Todo    // What has been deleted. It may be gone.
	acknowledged []acknowledged // All answers, in their order.
	creates      int
	isEnded      bool
	grown        chan struct{} // Closed when there is a further answer.
}

// acknowledged is a change whose writer was answered.
type acknowledged struct {
	id       todo.ID
	revision int64
}

func newJournal(owner todo.UserID) *journal {
	return &journal{owner: owner, places: make(map[todo.ID]int), grown: make(chan struct{})}
}

// add notes a todo that has been created or restored.
func (j *journal) add(t todo.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.creates++
	j.put(t)
	j.note(t)
}

// changed notes an update of a todo, which may have been deleted since.
func (j *journal) changed(t todo.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if place, found := j.places[t.ID]; found && j.alive[place].Revision < t.Revision {
		j.alive[place] = t
	}
	j.note(t)
}

// putBack notes that a todo which was taken to be deleted has not been.
func (j *journal) putBack(t todo.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.put(t)
}

// bin notes that a todo has been deleted.
func (j *journal) bin(t todo.Todo) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.trash = append(j.trash, t)
	j.note(todo.Todo{ID: t.ID, Revision: t.Revision + 1}) // At least.
}

func (j *journal) put(t todo.Todo) {
	j.places[t.ID] = len(j.alive)
	j.alive = append(j.alive, t)
}

func (j *journal) note(t todo.Todo) {
	j.acknowledged = append(j.acknowledged, acknowledged{t.ID, t.Revision})
	close(j.grown)
	j.grown = make(chan struct{})
}

// look returns a todo that exists.
func (j *journal) look() (t todo.Todo, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.alive) == 0 {
		return todo.Todo{}, false
	}
	return j.alive[rand.IntN(len(j.alive))], true
}

// take returns a todo that exists, for one that deletes it.
func (j *journal) take() (t todo.Todo, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.alive) == 0 {
		return todo.Todo{}, false
	}
	place, last := rand.IntN(len(j.alive)), len(j.alive)-1
	t = j.alive[place]
	j.alive[place] = j.alive[last]
	j.places[j.alive[place].ID] = place
	delete(j.places, t.ID)
	j.alive = j.alive[:last]
	return t, true
}

// takeTrash returns a todo that was deleted, one of the last few.
func (j *journal) takeTrash() (t todo.Todo, found bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.trash) == 0 {
		return todo.Todo{}, false
	}
	last := len(j.trash) - 1
	place := last - rand.IntN(min(len(j.trash), 10))
	t = j.trash[place]
	j.trash[place] = j.trash[last]
	j.trash = j.trash[:last]
	return t, true
}

// count returns how many todos exist.
func (j *journal) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.alive)
}

// since returns what was acknowledged after so many, and a channel that is closed when
// there is more, or the end.
func (j *journal) since(n int) (further []acknowledged, grown <-chan struct{}, isEnded bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.acknowledged[n:], j.grown, j.isEnded
}

// end notes that all writers have ended.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.isEnded = true
	close(j.grown)
	j.grown = make(chan struct{})
}
