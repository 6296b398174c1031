package database

import "testing"

func TestBatchesLeaveHalfOfTheConnections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ batches, conns, each, scans int }{
		{2, 1, 0, 0},
		{2, 2, 0, 0},
		{2, 3, 0, 0},
		{2, 4, 1, 0},
		{2, 6, 1, 1},
		{2, 8, 2, 0},
		{2, 10, 2, 1},
		{2, 16, 2, 2},
		{0, 16, 0, 0},
		{8, 16, 4, 0},
		{4, 32, 4, 4},
	} {
		each, scans := slotsOf(test.batches, test.conns)
		if each != test.each || scans != test.scans || 2*(2*each+scans) > test.conns {
			t.Errorf("%d batches on %d connections: %d of reads and of writes, %d of scans; want %d and %d",
				test.batches, test.conns, each, scans, test.each, test.scans)
		}
	}
}
