package rpc

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	todov1 "example.com/todo-backend/gen/todo/v1"
	"example.com/todo-backend/internal/todo"
)

// The messages of a page share their memory, and yet each has its own todo.
func TestThePagesMessagesAreTheTodos(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 11, 23, 10, 15, 30, 123456000, time.UTC)
	updated := created.Add(time.Hour)
	purge := updated.Add(30 * 24 * time.Hour)
	todos := []todo.Todo{
		{ID: todo.ID{0: 1, 15: 2}, Title: "one", Description: "more", CreatedAt: created, UpdatedAt: updated},
		{ID: todo.ID{0: 3, 15: 4}, Title: "two", IsCompleted: true, CreatedAt: updated, UpdatedAt: updated, CompletedAt: created},
		{ID: todo.ID{0: 5}, Title: "in the trash", CreatedAt: created, UpdatedAt: updated, DeletedAt: updated, PurgeAt: purge},
		{ID: todo.ID{0: 6}, Title: "purged", CreatedAt: created, UpdatedAt: updated, DeletedAt: updated, PurgeAt: purge, IsPurged: true},
		{
			ID: todo.ID{0: 7}, Title: "all of it", CreatedAt: created, UpdatedAt: updated, Version: todo.VersionAt(updated),
			Due: todo.Due{Date: "2026-12-01", Time: "09:00", Zone: "Europe/Berlin"}, Priority: todo.HighPriority, Tags: todo.Tags{"a", "b"}, Position: "a0V",
		},
		{ID: todo.ID{0: 8}, Title: "a day", CreatedAt: created, UpdatedAt: updated, Due: todo.Due{Date: "2026-12-01"}, Position: strings.Repeat("z", 255)},
	}
	want := []*todov1.Todo{
		{
			Id: "01000000-0000-0000-0000-000000000002", Title: "one", Description: proto.String("more"),
			CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(updated), Position: proto.String("Mf99f112066893f"),
		},
		{
			Id: "03000000-0000-0000-0000-000000000004", Title: "two", IsCompleted: true,
			CreatedAt: timestamppb.New(updated), UpdatedAt: timestamppb.New(updated), CompletedAt: timestamppb.New(created),
			Position: proto.String("Mf99f1049d2e53f"),
		},
		{
			Id: "05000000-0000-0000-0000-000000000000", Title: "in the trash",
			CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(updated),
			DeletedAt: timestamppb.New(updated), PurgeTime: timestamppb.New(purge), Position: proto.String("Mf99f112066893f"),
		},
		{
			Id: "06000000-0000-0000-0000-000000000000", Title: "purged",
			CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(updated),
			DeletedAt: timestamppb.New(updated), PurgeTime: timestamppb.New(purge), Purged: proto.Bool(true),
		},
		{
			Id: "07000000-0000-0000-0000-000000000000", Title: "all of it", Etag: proto.String(string(appendEtag(nil, todos[4].ID, todos[4].Version))),
			CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(updated),
			DueDate: proto.String("2026-12-01"), DueTime: proto.String("09:00"), DueTimeZone: proto.String("Europe/Berlin"),
			Priority: todov1.Priority_PRIORITY_HIGH.Enum(), Tags: []string{"a", "b"}, Position: proto.String("a0V"),
		},
		{
			Id: "08000000-0000-0000-0000-000000000000", Title: "a day",
			CreatedAt: timestamppb.New(created), UpdatedAt: timestamppb.New(updated),
			DueDate: proto.String("2026-12-01"), Position: proto.String(strings.Repeat("z", 255)),
		},
	}
	if diff := cmp.Diff(want, messages(todos), protocmp.Transform()); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
	for i, one := range todos {
		if diff := cmp.Diff(want[i], message(one), protocmp.Transform()); diff != "" {
			t.Errorf("todo %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestATimeThatCantBeSaidIsTheNearestThatCan(t *testing.T) {
	t.Parallel()
	const first, last = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
	for at, want := range map[time.Time]string{
		time.UnixMicro(-1 << 63):                                   first,
		time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC):                first,
		time.Date(0, 12, 31, 23, 59, 59, 999_999_000, time.UTC):    first,
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC):                   first,
		time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC):              "1969-12-31T00:00:00Z",
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC): last,
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC):               last,
		time.UnixMicro(1<<63 - 1):                                  last,
	} {
		msg := message(todo.Todo{CreatedAt: at, UpdatedAt: at})
		for _, ts := range []*timestamppb.Timestamp{msg.GetCreatedAt(), msg.GetUpdatedAt()} {
			if got := ts.AsTime().Format(time.RFC3339Nano); got != want || ts.CheckValid() != nil {
				t.Errorf("%v is said as %s, %v, want %s", at, got, ts.CheckValid(), want)
			}
		}
	}
}
