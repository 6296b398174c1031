package watch_test

import (
	"fmt"
	"runtime"
	"testing"

	"example.com/todo-backend/internal/todo"
	"example.com/todo-backend/internal/watch"
)

// BenchmarkFeed measures what a feed takes of memory.
func BenchmarkFeed(b *testing.B) {
	store := new(store)
	hub := watch.NewHub(watch.Config{Heads: store.Heads, MaxPerUser: 10, Max: 1 << 30})
	defer hub.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		feed, err := hub.Open(user(b, fmt.Sprint("user", i)), nil, pageSize, store.Changes)
		if err != nil {
			b.Fatal(err)
		}
		runtime.KeepAlive(feed)
	}
}

// BenchmarkChanged measures what a write takes to wake those who watch, and what it takes
// when nobody does, beside 10,000 who watch others.
func BenchmarkChanged(b *testing.B) {
	store := new(store)
	hub, _ := store.hub(b)
	for i := range 9_990 {
		if _, err := hub.Open(user(b, fmt.Sprint("user", i)), nil, pageSize, store.Changes); err != nil {
			b.Fatal(err)
		}
	}
	watched, unwatched := user(b, "alice"), user(b, "bob")
	for range 10 {
		if _, err := hub.Open(watched, nil, pageSize, store.Changes); err != nil {
			b.Fatal(err)
		}
	}
	for name, owner := range map[string]todo.UserID{"watched by 10": watched, "watched by none": unwatched} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				hub.Changed(owner)
			}
		})
	}
}
