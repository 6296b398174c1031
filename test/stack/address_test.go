//go:build linux

package stack

import "testing"

func TestAnAddressIsGivenOnce(t *testing.T) {
	t.Parallel()
	const addresses = 500 // By chance alone some of so many would be equal.
	given := make(map[string]bool)
	for range addresses {
		given[FreeAddress(t)] = true
	}
	if len(given) != addresses {
		t.Errorf("%d different addresses of %d", len(given), addresses)
	}
}
