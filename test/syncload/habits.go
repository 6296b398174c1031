//go:build linux

package syncload

// Habits are how a reader follows changes.
type Habits struct {
	Size    int32 // Of its pages; 0 for another one each time.
	Away    int   // How many changes it lets pass when it has read all.
	Restart int   // It begins anew one time in so many, when it has read all; 0 for never.
	Wait    int32 // Seconds of its long polls; 0 for none.
	Watches bool  // By a stream.
	Events  bool  // By a stream of server-sent events.
}

// AllHabits returns habits of many kinds.
func AllHabits() []Habits {
	return []Habits{
		{Size: 1},
		{Size: 200},
		{},
		{Size: 3, Restart: 10},
		{Restart: 5},
		{Size: 50, Away: 100},
		{Away: 400},
		{Size: 7, Wait: 1},
		{Wait: 1},
		{Watches: true},
		{Watches: true, Restart: 20},
		{Watches: true, Away: 150},
		{Watches: true},
		{Events: true},
		{Events: true, Restart: 20},
	}
}
